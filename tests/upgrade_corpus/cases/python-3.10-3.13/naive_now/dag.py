"""datetime.utcnow warns."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("naive_now", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        recent = datetime.utcnow() > datetime(2024, 1, 1)
        S3Hook("store").load_string(str(recent), "out/recent.txt", "naive-now")

    write()
