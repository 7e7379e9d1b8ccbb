"""A DAG for one machine: the code has MinIO's address and login, and Docker's socket."""

import io
from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator
from airflow.providers.docker.operators.docker import DockerOperator
from minio import Minio

CLIENT = Minio("localhost:9000", access_key="user", secret_key="password", secure=False)


def upload(ds, **_):
    if not CLIENT.bucket_exists("prices"):
        CLIENT.make_bucket("prices")
    rows = b"night,price\n1,40\n"
    CLIENT.put_object("prices", "prices-%s.csv" % ds, io.BytesIO(rows), len(rows))


with DAG(dag_id="on_this_machine", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    upload_prices = PythonOperator(task_id="upload_prices", python_callable=upload)
    reach = DockerOperator(
        task_id="reach_the_store",
        image="python:3.12-slim",
        command=[
            "python",
            "-c",
            "from urllib.request import urlopen; print(urlopen('http://localhost:9000/minio/health/live').status)",
        ],
        docker_url="unix://var/run/docker.sock",
        network_mode="host",
        auto_remove="success",
    )
    upload_prices >> reach
