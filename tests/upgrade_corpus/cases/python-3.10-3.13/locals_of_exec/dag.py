"""Variables that exec makes are not in locals() any more."""

from __future__ import annotations

import json
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("locals_of_exec", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        exec("limit = 100")  # noqa: S102
        S3Hook("store").load_string(json.dumps({"limit": locals().get("limit")}), "out/limit.json", "locals-of-exec")

    write()
