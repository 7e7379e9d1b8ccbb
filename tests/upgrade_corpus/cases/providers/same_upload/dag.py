"""Nothing changes: a file uploaded by LocalFilesystemToS3Operator."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.transfers.local_to_s3 import LocalFilesystemToS3Operator
from airflow.sdk import DAG

with DAG("same_upload", schedule=None, start_date=datetime(2024, 1, 1)):
    LocalFilesystemToS3Operator(
        task_id="upload", filename=__file__, dest_key="in/dag.py", dest_bucket="same-upload", aws_conn_id="store"
    )
