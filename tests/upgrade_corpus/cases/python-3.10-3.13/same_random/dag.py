"""Nothing changes: numbers of a seeded generator."""

from __future__ import annotations

import json
import random
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("same_random", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        source = random.Random(1)
        numbers = [source.random(), source.gauss(0, 1), *source.sample(range(100), 3)]
        S3Hook("store").load_string(json.dumps(numbers), "out/numbers.json", "same-random")

    write()
