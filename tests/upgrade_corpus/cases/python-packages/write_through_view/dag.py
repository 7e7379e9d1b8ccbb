"""A column is a copy, so writing to it does not change the frame."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("write_through_view", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        stock = pd.DataFrame({"article": ["a", "b"], "pieces": [5, -1]})
        pieces = stock["pieces"]
        pieces[pieces < 0] = 0
        S3Hook("store").load_string(stock.to_csv(index=False), "out/stock.csv", "write-through-view")

    write()
