"""A value that only pickle can store."""

from datetime import datetime
from fractions import Fraction

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _make() -> object:
    return Fraction(1, 3)


def _work(ti) -> object:
    return str(ti.xcom_pull(task_ids="make") * 3)


with DAG("xcom_pickled", schedule=None, start_date=datetime(2024, 1, 1)):
    make = PythonOperator(task_id="make", python_callable=_make)
    make >> PythonOperator(task_id="work", python_callable=_work)
