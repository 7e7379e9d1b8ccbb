"""An inet value is an object that an XCom can't hold, no longer a text."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("address_objects", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def host() -> str:
        return PostgresHook("shop").get_first("SELECT '10.0.0.1'::inet")[0]

    host()
