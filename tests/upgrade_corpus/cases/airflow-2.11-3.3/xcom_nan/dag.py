"""A sum of measurements, of which one is missing."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _make() -> object:
    return [float("nan"), 1.5]


def _work(ti) -> object:
    return sum(value for value in ti.xcom_pull(task_ids="make") if value == value)


with DAG("xcom_nan", schedule=None, start_date=datetime(2024, 1, 1)):
    make = PythonOperator(task_id="make", python_callable=_make)
    make >> PythonOperator(task_id="work", python_callable=_work)
