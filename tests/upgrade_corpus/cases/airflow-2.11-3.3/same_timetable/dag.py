"""A timetable that says what it means."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator
from airflow.timetables.interval import CronDataIntervalTimetable


def _work(data_interval_start: datetime, data_interval_end: datetime) -> str:
    return f"{data_interval_start} {data_interval_end}"


with DAG(
    "same_timetable",
    schedule=CronDataIntervalTimetable("@daily", "UTC"),
    catchup=False,
    start_date=datetime(2024, 1, 1),
):
    PythonOperator(task_id="work", python_callable=_work)
