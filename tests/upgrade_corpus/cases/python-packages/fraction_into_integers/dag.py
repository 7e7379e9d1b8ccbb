"""A fraction may not be stored in a column of integers."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("fraction_into_integers", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        scores = pd.DataFrame({"score": [1, 2]})
        scores.loc[0, "score"] = 1.5
        S3Hook("store").load_string(scores.to_csv(index=False), "out/scores.csv", "fraction-into-integers")

    write()
