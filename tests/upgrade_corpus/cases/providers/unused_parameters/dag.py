"""Parameters without a placeholder fail."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("unused_parameters", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def count() -> int:
        return PostgresHook("shop").get_first(
            "SELECT count(*) FROM generate_series(1, 3)", parameters=("2024-01-01", 3)
        )[0]

    count()
