"""A sum with a Python number keeps single precision."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("single_precision", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        total = np.float32(16777216) + 1.0
        S3Hook("store").load_string(json.dumps({"total": float(total)}), "out/total.json", "single-precision")

    write()
