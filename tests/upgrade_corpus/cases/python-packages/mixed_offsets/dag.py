"""Times with different offsets are refused."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("mixed_offsets", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        times = pd.to_datetime(pd.Series(["2024-01-01T00:00:00+01:00", "2024-07-01T00:00:00+02:00"]))
        S3Hook("store").load_string("\n".join(map(str, times)), "out/times.txt", "mixed-offsets")

    write()
