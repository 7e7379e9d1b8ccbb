"""psycopg2's execute_values does not work with the hook's connection."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task
from psycopg2.extras import execute_values

with DAG("execute_values", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def load():
        connection = PostgresHook("shop").get_conn()
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE prices (article text, price int)")
            execute_values(cursor, "INSERT INTO prices VALUES %s", [("a", 1), ("b", 2)])

    load()
