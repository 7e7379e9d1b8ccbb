"""A parameter has no type, so a function of any type refuses it."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("types_unknown", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def build() -> dict:
        return PostgresHook("shop").get_first("SELECT json_build_object('city', %s)", parameters=("Paris",))[0]

    build()
