"""The array of a column is read-only."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("read_only_values", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        stock = pd.DataFrame({"pieces": [5, -1]})
        stock["pieces"].to_numpy()[1] = 0
        S3Hook("store").load_string(stock.to_csv(index=False), "out/stock.csv", "read-only-values")

    write()
