"""The store's address comes from the connection's extra, as was common in 2021."""

import io
from datetime import datetime
from urllib.parse import urlparse

from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.operators.python import PythonOperator
from minio import Minio


def store_rooms(ds, **_):
    conn = BaseHook.get_connection("store")
    address = urlparse(conn.extra_dejson["host"])
    client = Minio(address.netloc, access_key=conn.login, secret_key=conn.password, secure=False)
    if not client.bucket_exists("rooms"):
        client.make_bucket("rooms")
    rows = b"room,price\n1,40\n2,65\n"
    client.put_object("rooms", "rooms-%s.csv" % ds, io.BytesIO(rows), len(rows))


with DAG(dag_id="rooms_to_store", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    PythonOperator(task_id="store_rooms", python_callable=store_rooms)
