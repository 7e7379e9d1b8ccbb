"""A callable that reads a key of the context."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _work(**context: object) -> str:
    return str(context["execution_date"])


with DAG("context_subscript", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
