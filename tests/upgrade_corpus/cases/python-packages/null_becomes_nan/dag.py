"""A missing text is NaN instead of None, so JSON is invalid."""

from __future__ import annotations

import json
from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("null_becomes_nan", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        names = pd.Series(["ann", None], dtype=None)
        S3Hook("store").load_string(json.dumps(names.tolist()), "out/names.json", "null-becomes-nan")

    write()
