"""A DAG that prints what a DAG can see of the machine."""

import datetime as dt
import json
import os
from pathlib import Path

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def look() -> str:
    import boto3

    s3 = boto3.client("s3")
    return json.dumps({"environment": dict(os.environ), "home": str(Path.home().resolve()), "s3": s3.meta.endpoint_url})


with DAG("looks_around", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)):
    PythonOperator(task_id="look", python_callable=look)
