"""Nothing changes: a sample with a seed."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("same_sample", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        sample = [*pd.Series(range(10)).sample(3, random_state=1), *np.random.RandomState(1).randint(0, 10, 3)]
        S3Hook("store").load_string(json.dumps([int(one) for one in sample]), "out/sample.json", "same-sample")

    write()
