"""Nothing changes: sums, texts, dates and the order of a query."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("same_query", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def query() -> list[list[str]]:
        hook = PostgresHook("shop")
        hook.run("CREATE TABLE visits (guest text, price numeric(8, 2), day date)")
        hook.run("INSERT INTO visits VALUES ('ann', 10.5, '2024-01-31'), ('bo', 20, '2024-02-29'), ('ann', 1, NULL)")
        query = "SELECT guest, sum(price), max(day + interval '1 month') FROM visits GROUP BY 1 ORDER BY 1"
        return [[str(value) for value in row] for row in hook.get_records(query)]

    query()
