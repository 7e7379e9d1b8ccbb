"""The endpoint of a connection in its extra host is ignored, so the object goes elsewhere.

The harness refuses such a connection before the run, so the task makes it of the declared one.
"""

from __future__ import annotations

import os
from datetime import datetime
from urllib.parse import quote

from airflow.decorators import task
from airflow.hooks.base import BaseHook
from airflow.models.dag import DAG
from airflow.providers.amazon.aws.hooks.s3 import S3Hook

with DAG("store_by_host", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        store = BaseHook.get_connection("store")
        host = quote(store.extra_dejson["endpoint_url"], safe="")
        os.environ["AIRFLOW_CONN_BY_HOST"] = f"aws://{store.login}:{store.password}@/?host={host}&region_name=eu-west-1"
        S3Hook("by_host").load_string("day\n1\n", "out/days.csv", "store-by-host")

    write()
