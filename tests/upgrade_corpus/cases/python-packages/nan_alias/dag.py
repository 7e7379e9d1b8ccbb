"""numpy.NaN is gone."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("nan_alias", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        value = np.NaN
        S3Hook("store").load_string(str(value), "out/value.txt", "nan-alias")

    write()
