"""A callable with a date helper."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator
from airflow.utils.dates import days_ago


def _work() -> int:
    return days_ago(0).hour


with DAG("import_days_ago", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
