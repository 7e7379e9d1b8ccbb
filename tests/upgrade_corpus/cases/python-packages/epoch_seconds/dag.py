"""Seconds since 1970, computed from nanoseconds, become 1000 times too small."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("epoch_seconds", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        visits = pd.DataFrame(
            {"guest": ["ann", "bo"], "at": pd.to_datetime(["2024-01-01 10:00:00", "2024-01-02 11:30:00"])}
        )
        visits["epoch"] = visits.pop("at").astype("int64") // 10**9
        S3Hook("store").load_string(visits.to_csv(index=False), "out/visits.csv", "epoch-seconds")

    write()
