"""A DAG with a parameter of Airflow 2."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _work(ds: str) -> str:
    return ds


with DAG("parameter_schedule_interval", schedule_interval=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
