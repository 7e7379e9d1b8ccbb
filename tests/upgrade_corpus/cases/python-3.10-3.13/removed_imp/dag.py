"""The module imp is gone, so the task fails."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("removed_imp", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        import imp

        found = imp.find_module("json")[1]
        S3Hook("store").load_string(str(bool(found)), "out/found.txt", "removed-imp")

    write()
