"""Provider modules under their names of 2021."""

from datetime import datetime

from airflow import DAG
from airflow.providers.amazon.aws.operators.s3_copy_object import S3CopyObjectOperator
from airflow.providers.amazon.aws.operators.sagemaker_training import SageMakerTrainingOperator

with DAG(dag_id="train", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    copy = S3CopyObjectOperator(
        task_id="copy",
        source_bucket_name="samples",
        source_bucket_key="a.csv",
        dest_bucket_name="own",
        dest_bucket_key="a.csv",
    )
    copy >> SageMakerTrainingOperator(task_id="train", config={"TrainingJobName": "first"})
