"""A DAG without a schedule."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _work(ds: str) -> str:
    return ds


with DAG("schedule_default", catchup=False, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
