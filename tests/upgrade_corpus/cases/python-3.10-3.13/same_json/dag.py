"""Nothing changes: keys in order, floats and non-ASCII text in JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("same_json", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write() -> dict[str, float]:
        table = io.StringIO()
        csv.writer(table).writerows([["name", "price"], ["Zoë", 0.1 + 0.2], [None, 1e16]])
        S3Hook("store").load_string(table.getvalue(), "out/prices.csv", "same-json")
        S3Hook("store").load_string(json.dumps({"z": 1e22, "a": [0.1, -0.0]}), "out/prices.json", "same-json")
        return {"z": 1.1, "a": 2.2}

    write()
