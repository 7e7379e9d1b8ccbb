"""A quantile of single precision numbers is rounded in another way."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("quantile_single", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        quantile = float(np.quantile(np.array([1, 2, 3], dtype=np.float32), 0.3))
        S3Hook("store").load_string(json.dumps({"quantile": quantile}), "out/quantile.json", "quantile-single")

    write()
