"""A task that pulls from a list of one task."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _make() -> object:
    return "paris"


def _work(ti) -> object:
    return [city[0] for city in ti.xcom_pull(task_ids=["make"])]


with DAG("same_xcom_of_a_list", schedule=None, start_date=datetime(2024, 1, 1)):
    make = PythonOperator(task_id="make", python_callable=_make)
    make >> PythonOperator(task_id="work", python_callable=_work)
