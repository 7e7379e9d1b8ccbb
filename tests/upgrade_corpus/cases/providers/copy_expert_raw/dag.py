"""The cursor of the hook has no copy_expert."""

from __future__ import annotations

import io
from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("copy_expert_raw", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def load():
        connection = PostgresHook("shop").get_conn()
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE articles (article text)")
            cursor.copy_expert("COPY articles FROM STDIN", io.StringIO("a\nb\n"))

    load()
