"""Copy an object in AWS to check the connection aws_conn."""

from datetime import datetime, timezone

from airflow import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator

from digit_classifier import settings

with DAG(dag_id="test_dag", schedule=None, start_date=datetime(2021, 1, 1, tzinfo=timezone.utc)):
    S3CopyObjectOperator(
        task_id="copy_mnist_data",
        source_bucket_name=settings.SOURCE_BUCKET,
        source_bucket_key=settings.SOURCE_KEY,
        dest_bucket_name=settings.BUCKET,
        dest_bucket_key="mnist.pkl.gz",
        aws_conn_id="aws_conn",
    )
