"""The sum of floats is compensated, so its last digits differ."""

from __future__ import annotations

import json
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("sum_of_floats", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        total = sum([0.1] * 10)
        S3Hook("store").load_string(
            json.dumps({"total": total, "complete": total >= 1}), "out/total.json", "sum-of-floats"
        )

    write()
