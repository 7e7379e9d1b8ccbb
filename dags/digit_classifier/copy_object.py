"""Write an object to MinIO and copy it. A date can be run again."""

from datetime import datetime, timezone

from airflow import DAG
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator
from airflow.providers.standard.operators.python import PythonOperator


def create_file(ds, **context):
    S3Hook(aws_conn_id="locals3").load_string(string_data=ds, key=f"/data/{ds}.json", bucket_name="data", replace=True)


# The start date is fixed, so catchup is off. The guide's "three days ago" is a different date every day.
with DAG(
    dag_id="01_s3_copy_object_fixed",
    schedule="@daily",
    start_date=datetime(2021, 1, 1, tzinfo=timezone.utc),
    catchup=False,
):
    create_file_task = PythonOperator(task_id="create_file_task", python_callable=create_file)
    copy_s3_object = S3CopyObjectOperator(
        task_id="copy_s3_object",
        source_bucket_name="data",
        source_bucket_key="/data/{{ ds }}.json",
        dest_bucket_name="data-backup",
        dest_bucket_key="/data-backup/{{ ds }}-backup.json",
        aws_conn_id="locals3",
    )
    create_file_task >> copy_s3_object
