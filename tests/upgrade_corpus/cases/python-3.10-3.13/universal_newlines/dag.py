"""The file mode U is refused."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("universal_newlines", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        with open(__file__, "rU") as file:  # noqa: PTH123, UP015
            first = file.readline()
        S3Hook("store").load_string(first, "out/first.txt", "universal-newlines")

    write()
