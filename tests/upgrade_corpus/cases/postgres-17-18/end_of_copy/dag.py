"""COPY of CSV does not end at a line with a backslash and a dot."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("end_of_copy", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def load() -> list[str]:
        lines = "a\n\\.\nb\n"
        connection = PostgresHook("shop").get_conn()
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE marks (mark text)")
            with cursor.copy("COPY marks FROM STDIN (FORMAT csv)") as copy:
                copy.write(lines)
            cursor.execute("SELECT mark FROM marks ORDER BY mark")
            return [mark for (mark,) in cursor.fetchall()]

    load()
