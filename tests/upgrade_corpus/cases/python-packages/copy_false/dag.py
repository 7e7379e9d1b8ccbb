"""numpy.array(copy=False) raises when a copy is needed."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("copy_false", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        values = np.array([1, 2], copy=False)
        S3Hook("store").load_string(json.dumps(values.tolist()), "out/values.json", "copy-false")

    write()
