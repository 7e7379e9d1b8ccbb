"""Nothing changes: rows written and read through the hook."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("same_rows", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def load() -> list[list[str]]:
        hook = PostgresHook("shop")
        hook.run("CREATE TABLE visits (guest text, price numeric(8, 2), day date)")
        hook.insert_rows("visits", [("ann", 10.5, "2024-01-01"), ("bo", None, "2024-01-02")], ["guest", "price", "day"])
        return [[str(value) for value in row] for row in hook.get_records("SELECT * FROM visits ORDER BY guest")]

    load()
