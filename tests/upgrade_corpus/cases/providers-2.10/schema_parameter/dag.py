"""PostgresHook ignores the parameter schema, so it reads another database."""

from __future__ import annotations

from datetime import datetime

from airflow.decorators import task
from airflow.models.dag import DAG
from airflow.providers.postgres.hooks.postgres import PostgresHook

with DAG("schema_parameter", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def database() -> str:
        return PostgresHook("shop", schema="postgres").get_first("SELECT current_database()")[0]

    database()
