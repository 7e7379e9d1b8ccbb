"""A missing text is no match instead of missing, so a filter works."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("contains_missing", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        names = pd.DataFrame({"name": ["ann", "bo", None]})
        others = names[~names.name.str.contains("ann")]
        S3Hook("store").load_string(others.to_csv(index=False), "out/others.csv", "contains-missing")

    write()
