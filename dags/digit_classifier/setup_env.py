"""The sample data in MinIO, and the connection aws_conn in Airflow's own database. Safe to run again."""

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from airflow import DAG
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import S3DeleteObjectsOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator, ShortCircuitOperator

from digit_classifier import settings


def upload():
    file = Path(settings.DATASET)
    if not file.exists():
        raise FileNotFoundError(f"File not found: {file}")
    S3Hook(aws_conn_id="locals3").load_file(
        str(file), key=settings.SOURCE_KEY, bucket_name=settings.SOURCE_BUCKET, replace=True
    )


def aws_conn_is_missing():
    """Asked of the command line: a task of Airflow 3 must not look into the database itself."""
    command = [sys.executable, "-m", "airflow", "connections", "list", "--output", "json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Other lines may come first; the answer is the last one that is JSON.
    answer = [line for line in printed.splitlines() if line.startswith("[")][-1]
    return all(connection["conn_id"] != "aws_conn" for connection in json.loads(answer))


with DAG(dag_id="RUN_FIRST_setup_env", schedule=None, start_date=datetime(2021, 1, 1, tzinfo=timezone.utc)):
    delete_resource = S3DeleteObjectsOperator(
        task_id="delete_resource",
        bucket=settings.SOURCE_BUCKET,
        keys=settings.SOURCE_KEY,
        aws_conn_id="locals3",
    )
    upload_resource = PythonOperator(task_id="upload_resource", python_callable=upload)
    delete_resource >> upload_resource

    conditional_continue_aws_conn = ShortCircuitOperator(
        task_id="conditional_continue_aws_conn", python_callable=aws_conn_is_missing
    )
    add_aws_conn = BashOperator(
        task_id="add_aws_conn",
        # Airflow 2 answers with the whole URI, and Airflow 3 repeats one that it refuses: neither the log nor an XCom
        # is to have the secret in it. A variable of this kind may hold a URI or JSON.
        bash_command="""
            case "$AIRFLOW_CONN_AWS_CONN" in "{"*) form=--conn-json ;; *) form=--conn-uri ;; esac
            airflow connections add aws_conn "$form" "$AIRFLOW_CONN_AWS_CONN" >/dev/null 2>&1 ||
            { echo "AIRFLOW_CONN_AWS_CONN is missing, or no connection that Airflow takes"; exit 1; }
        """,
        do_xcom_push=False,
    )
    conditional_continue_aws_conn >> add_aws_conn
