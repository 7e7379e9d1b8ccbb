"""Bucket, image and connection have names that no other file uses."""

import io
from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator
from minio import Minio

RAW_BUCKET = "lodgings-raw"
CLEAN_BUCKET = "lodgings-clean"
IMAGE = "lodgings/cleaner:7"
STORE = "lodging_store"


def _client():
    from airflow.hooks.base import BaseHook

    conn = BaseHook.get_connection(STORE)
    netloc = "%s:%s" % (conn.host, conn.port)
    return Minio(netloc, access_key=conn.login, secret_key=conn.password, secure=False)


def collect(ds, **_):
    client = _client()
    for bucket in (RAW_BUCKET, CLEAN_BUCKET):
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
    client.put_object(RAW_BUCKET, ds, io.BytesIO(b"b\na\n"), 4)


def clean(ds, **_):
    client = _client()
    lines = sorted(client.get_object(RAW_BUCKET, ds).read().split())
    content = b"\n".join(lines) + b"\n" + IMAGE.encode()
    client.put_object(CLEAN_BUCKET, ds, io.BytesIO(content), len(content))


with DAG(dag_id="other_names", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    PythonOperator(task_id="collect", python_callable=collect) >> PythonOperator(task_id="clean", python_callable=clean)
