"""DAGs that share all names: bucket `shared`, key `key`, table `seen`, queue `shared`."""

import datetime as dt
import os
from typing import Any

from airflow import DAG
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.providers.standard.operators.python import PythonOperator

START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def meet() -> dict[str, Any]:
    """Store this scenario's number in every service, and return the other data found there."""
    import boto3
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    number = os.environ["SOAK_NUMBER"]
    rows = PostgresHook("rows").get_records("SELECT n FROM seen ORDER BY n")
    PostgresHook("rows").run("INSERT INTO seen VALUES (%s)", parameters=[int(number)])
    s3 = S3Hook("s3")
    keys = s3.list_keys("shared")
    s3.load_string(number, "key", "shared")
    queue = boto3.resource("sqs").create_queue(QueueName="shared")
    queue.send_message(MessageBody=number)
    messages = [message.body for message in queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=0)]
    return {"rows": [n for (n,) in rows], "keys": keys, "messages": messages}


with DAG("meet", schedule=None, start_date=START):
    PythonOperator(task_id="meet", python_callable=meet)

with DAG("sidecar", schedule=None, start_date=START):
    DockerOperator(
        task_id="sidecar",
        image=os.environ.get("SOAK_IMAGE", "python"),
        docker_url=os.environ.get("DOCKER_HOST"),
        command=["python3", "-c", f"print({os.environ.get('SOAK_NUMBER')})"],
        mount_tmp_dir=False,
        auto_remove="force",
    )
