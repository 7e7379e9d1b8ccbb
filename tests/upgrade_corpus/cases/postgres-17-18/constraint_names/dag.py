"""The constraints of columns that are not null have other names."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("constraint_names", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def names() -> list[str]:
        hook = PostgresHook("shop")
        hook.run("CREATE TABLE rooms (room int NOT NULL)")
        query = "SELECT constraint_name FROM information_schema.table_constraints WHERE table_name = 'rooms'"
        return [name for (name,) in hook.get_records(query)]

    names()
