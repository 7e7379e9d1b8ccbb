"""A partitioned table can't be unlogged."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("unlogged_partitions", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def create():
        PostgresHook("shop").run("CREATE UNLOGGED TABLE days (day date) PARTITION BY RANGE (day)")

    create()
