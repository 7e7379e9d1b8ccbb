"""fromisoformat accepts dates that it refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("dates_accepted", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        days = []
        for text in ("2024-01-05", "20240106", "2024-W02-1"):
            with suppress(ValueError):
                days.append(str(datetime.fromisoformat(text).date()))
        S3Hook("store").load_string("\n".join(["day", *days, ""]), "out/days.csv", "dates-accepted")

    write()
