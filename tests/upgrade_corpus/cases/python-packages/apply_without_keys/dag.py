"""The function of groupby().apply does not see the grouping column."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("apply_without_keys", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        visits = pd.DataFrame({"room": [10, 10, 99], "nights": [1, 2, 3]})
        largest = visits.groupby("room").apply(lambda group: int(group.max(axis=None)))
        S3Hook("store").load_string(largest.to_json(), "out/ranges.json", "apply-without-keys")

    write()
