"""Count the hours between the ends of the run's data interval."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _count_hours(data_interval_start: datetime, data_interval_end: datetime) -> int:
    return int((data_interval_end - data_interval_start).total_seconds() // 3600)


with DAG("cron_interval", schedule="@daily", start_date=datetime(2024, 1, 1), catchup=False):
    PythonOperator(task_id="rows", python_callable=_count_hours)
