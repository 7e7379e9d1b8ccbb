"""Chained assignment does not change the frame any more."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("chained_assignment", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        prices = pd.DataFrame({"price": [80, 120, 200], "discount": [0, 0, 0]})
        prices["discount"][prices.price > 100] = 10
        S3Hook("store").load_string(prices.to_csv(index=False), "out/prices.csv", "chained-assignment")

    write()
