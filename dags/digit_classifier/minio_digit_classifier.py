"""Convert the digits in MinIO to SageMaker's input format. Run RUN_FIRST_setup_env first."""

from datetime import datetime, timezone

from airflow import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator
from airflow.providers.standard.operators.python import PythonOperator

from digit_classifier import settings
from digit_classifier.extract import extract_mnist_data

with DAG(
    dag_id="minio_handwritten_digit_classifier", schedule=None, start_date=datetime(2021, 1, 1, tzinfo=timezone.utc)
):
    copy_mnist_data = S3CopyObjectOperator(
        task_id="copy_mnist_data",
        source_bucket_name=settings.SOURCE_BUCKET,
        source_bucket_key=settings.SOURCE_KEY,
        dest_bucket_name="data",
        dest_bucket_key="mnist.pkl.gz",
        aws_conn_id="locals3",
    )
    extract = PythonOperator(
        task_id="extract_mnist_data",
        python_callable=extract_mnist_data,
        op_kwargs={"aws_conn_id": "locals3", "bucket": "data"},
    )
    copy_mnist_data >> extract
