"""Filling a column in place does not change the frame any more."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("fillna_on_column", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        nights = pd.DataFrame({"room": ["a", "b", "c"], "nights": [1.0, None, 3.0]})
        nights["nights"].fillna(0.0, inplace=True)
        S3Hook("store").load_string(nights.to_csv(index=False), "out/nights.csv", "fillna-on-column")

    write()
