"""EXPLAIN ANALYZE gives rows with decimals, so the number is not found."""

from __future__ import annotations

import re
from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task

with DAG("rows_of_plan", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def rows() -> int:
        plan = PostgresHook("shop").get_first("EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT generate_series(1, 3)")[
            0
        ]
        return int(re.search(r"rows=(\d+) ", plan)[1])

    rows()
