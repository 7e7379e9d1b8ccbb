"""The frequency M is refused."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("month_alias", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        days = pd.to_datetime(["2024-01-05", "2024-02-05"])
        monthly = pd.Series([1, 2], index=days).resample("M").sum()
        S3Hook("store").load_string(monthly.to_csv(), "out/monthly.csv", "month-alias")

    write()
