"""A tuple after IN is refused."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("tuple_for_in", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def count() -> int:
        found = PostgresHook("shop").get_first(
            "SELECT count(*) FROM generate_series(1, 9) n WHERE n IN %s", parameters=((1, 2, 30),)
        )
        return found[0]

    count()
