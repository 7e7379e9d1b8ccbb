"""A NumPy number in a list is written with its type."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("number_as_text", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        means = [np.float64(1.5), np.float64(2.5)]
        S3Hook("store").load_string(f"means: {means}", "out/mean.txt", "number-as-text")

    write()
