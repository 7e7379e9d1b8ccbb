"""Upload the sample data to MinIO, and add the connection aws_conn to Airflow's database.

Can be run again.
"""

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
    """Query connections through Airflow's CLI: tasks of Airflow 3 can't access the database."""
    command = [sys.executable, "-m", "airflow", "connections", "list", "--output", "json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Log lines may precede the JSON line.
    connections = [line for line in printed.splitlines() if line.startswith("[")][-1]
    return all(connection["conn_id"] != "aws_conn" for connection in json.loads(connections))


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
        # Output goes to /dev/null and XCom is off to hide the secret: Airflow 2 prints the whole URI, and Airflow 3
        # prints a URI that it rejects. The variable may hold a URI or JSON.
        bash_command="""
            case "$AIRFLOW_CONN_AWS_CONN" in "{"*) form=--conn-json ;; *) form=--conn-uri ;; esac
            airflow connections add aws_conn "$form" "$AIRFLOW_CONN_AWS_CONN" >/dev/null 2>&1 ||
            { echo "AIRFLOW_CONN_AWS_CONN is missing, or no connection that Airflow takes"; exit 1; }
        """,
        do_xcom_push=False,
    )
    conditional_continue_aws_conn >> add_aws_conn
