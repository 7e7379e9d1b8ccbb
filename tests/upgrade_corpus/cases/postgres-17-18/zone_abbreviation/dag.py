"""An abbreviation of a time zone means that of the session first: IST is India's, no longer Israel's."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("zone_abbreviation", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def convert() -> str:
        hook = PostgresHook("shop", options="-c timezone=Asia/Kolkata")
        moment = hook.get_first("SELECT '2024-01-01 09:00 IST'::timestamptz AT TIME ZONE 'UTC'")[0]
        return str(moment)

    convert()
