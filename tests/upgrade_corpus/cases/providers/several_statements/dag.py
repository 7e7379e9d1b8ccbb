"""Several statements with parameters are refused."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("several_statements", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def load():
        PostgresHook("shop").run(
            "CREATE TABLE sums (sum int); INSERT INTO sums VALUES (%(sum)s)", parameters={"sum": 3}
        )

    load()
