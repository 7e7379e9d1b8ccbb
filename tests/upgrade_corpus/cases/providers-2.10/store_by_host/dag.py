"""The endpoint of a connection in its extra host is ignored, so the object goes elsewhere."""

from __future__ import annotations

from datetime import datetime

from airflow.decorators import task
from airflow.models.dag import DAG
from airflow.providers.amazon.aws.hooks.s3 import S3Hook

with DAG("store_by_host", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        S3Hook("by_host").load_string("day\n1\n", "out/days.csv", "store-by-host")

    write()
