"""ANALYZE of a parent table reaches its children."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("statistics_of_children", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def rows() -> int:
        hook = PostgresHook("shop")
        hook.run("CREATE TABLE visits (guest text)")
        hook.run("CREATE TABLE visits_2024 () INHERITS (visits)")
        hook.run("INSERT INTO visits_2024 VALUES ('ann'), ('bo')")
        hook.run("ANALYZE visits")
        return int(hook.get_first("SELECT reltuples FROM pg_class WHERE relname = 'visits_2024'")[0])

    rows()
