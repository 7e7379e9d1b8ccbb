"""A callable with a parameter of the context."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _work(next_ds: str) -> str:
    return next_ds


with DAG("context_argument", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
