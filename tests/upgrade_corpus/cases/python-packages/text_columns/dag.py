"""Text columns are not of dtype object any more, so nothing removes the blanks."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("text_columns", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        guests = pd.DataFrame({"name": [" Ann ", "Bo "], "nights": [2, 3]})
        for column in guests:
            if guests[column].dtype == object:
                guests[column] = guests[column].str.strip()
        S3Hook("store").load_string(guests.to_csv(index=False), "out/guests.csv", "text-columns")

    write()
