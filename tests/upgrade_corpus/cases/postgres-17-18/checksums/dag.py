"""A new server has data checksums."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("checksums", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def setting() -> str:
        return PostgresHook("shop").get_first("SHOW data_checksums")[0]

    setting()
