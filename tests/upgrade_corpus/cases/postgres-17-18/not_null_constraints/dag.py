"""A column that is not null has a constraint in the catalogue."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("not_null_constraints", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def count() -> int:
        hook = PostgresHook("shop")
        hook.run("CREATE TABLE visits (guest text NOT NULL, room int NOT NULL)")
        return hook.get_first("SELECT count(*) FROM pg_constraint WHERE conrelid = 'visits'::regclass")[0]

    count()
