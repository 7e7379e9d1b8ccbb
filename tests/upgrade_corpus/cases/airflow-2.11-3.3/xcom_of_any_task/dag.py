"""A task that pulls what any task before it has pushed."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _make() -> object:
    return 5


def _work(ti) -> object:
    return ti.xcom_pull() or 0


with DAG("xcom_of_any_task", schedule=None, start_date=datetime(2024, 1, 1)):
    make = PythonOperator(task_id="make", python_callable=_make)
    make >> PythonOperator(task_id="work", python_callable=_work)
