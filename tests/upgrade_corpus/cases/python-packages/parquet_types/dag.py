"""A Parquet file has other types: large_string and microseconds."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("parquet_types", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        visits = pd.DataFrame({"guest": ["ann"], "at": pd.to_datetime(["2024-01-01 10:00:00"])})
        S3Hook("store").load_bytes(visits.to_parquet(), "out/visits.parquet", "parquet-types")

    write()
