"""A condition with a date of the context."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator
from airflow.timetables.interval import CronDataIntervalTimetable


def _work(**context: object) -> str:
    return f"day >= {context.get('prev_ds')}"


with DAG(
    "context_get", schedule=CronDataIntervalTimetable("@daily", "UTC"), catchup=False, start_date=datetime(2024, 1, 1)
):
    PythonOperator(task_id="work", python_callable=_work)
