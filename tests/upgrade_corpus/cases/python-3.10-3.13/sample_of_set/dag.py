"""random.sample refuses a set."""

from __future__ import annotations

import random
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("sample_of_set", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        chosen = random.sample({"a"}, 1)
        S3Hook("store").load_string(chosen[0], "out/chosen.txt", "sample-of-set")

    write()
