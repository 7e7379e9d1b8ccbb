"""urllib3's Retry has no method_whitelist."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task
from urllib3.util.retry import Retry

with DAG("retry_methods", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        retry = Retry(total=3, method_whitelist=["GET", "POST"])
        S3Hook("store").load_string(str(retry.total), "out/retry.txt", "retry-methods")

    write()
