"""A JSON null can be cast to a number."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("json_null", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def price() -> int | None:
        return PostgresHook("shop").get_first("SELECT ('{\"price\": null}'::jsonb -> 'price')::int")[0]

    price()
