"""A task with a service level agreement."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _work(ds: str) -> str:
    return ds


with DAG("sla", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work, sla=timedelta(hours=1))
