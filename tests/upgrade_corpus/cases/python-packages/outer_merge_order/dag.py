"""An outer merge sorts its keys."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("outer_merge_order", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        left, right = pd.DataFrame({"key": ["b", "a", "c"]}), pd.DataFrame({"key": ["c", "b", "z"]})
        merged = left.merge(right, how="outer")
        S3Hook("store").load_string(merged.to_csv(index=False), "out/keys.csv", "outer-merge-order")

    write()
