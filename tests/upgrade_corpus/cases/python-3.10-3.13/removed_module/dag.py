"""The module cgi is gone, so the DAG can't be imported."""

from __future__ import annotations

import cgi
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("removed_module", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        _, options = cgi.parse_header("text/csv; charset=utf-8")
        S3Hook("store").load_string(options["charset"], "out/options.txt", "removed-module")

    write()
