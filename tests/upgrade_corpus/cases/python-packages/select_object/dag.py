"""Selecting object columns warns of texts."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("select_object", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        guests = pd.DataFrame({"name": ["ann"], "nights": [2]})
        texts = guests.select_dtypes("object")
        S3Hook("store").load_string(texts.to_csv(index=False), "out/texts.csv", "select-object")

    write()
