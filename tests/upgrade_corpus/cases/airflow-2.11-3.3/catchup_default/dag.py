"""A DAG that does not say whether it catches up."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator
from airflow.timetables.interval import CronDataIntervalTimetable


def _work(ds: str) -> str:
    return ds


with DAG("catchup_default", schedule=CronDataIntervalTimetable("@daily", "UTC"), start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
