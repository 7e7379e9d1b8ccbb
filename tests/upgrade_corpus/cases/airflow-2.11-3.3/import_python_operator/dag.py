"""The import of Airflow 1."""

from datetime import datetime

from airflow import DAG
from airflow.operators.python_operator import PythonOperator


def _work(ds: str) -> str:
    return ds


with DAG("import_python_operator", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
