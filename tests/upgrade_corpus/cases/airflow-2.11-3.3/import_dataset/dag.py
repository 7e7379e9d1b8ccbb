"""A task with an outlet."""

from datetime import datetime

from airflow import DAG
from airflow.datasets import Dataset
from airflow.providers.standard.operators.python import PythonOperator


def _work(ds: str) -> str:
    return ds


with DAG("import_dataset", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work, outlets=[Dataset("s3://data/prices.csv")])
