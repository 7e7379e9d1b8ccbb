"""A number too large for a small integer raises."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("small_integer", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        level = np.uint8(200) + 300
        S3Hook("store").load_string(json.dumps({"level": int(level)}), "out/level.json", "small-integer")

    write()
