"""Count the hours of the run's data interval."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _work(data_interval_start: datetime, data_interval_end: datetime) -> int:
    return int((data_interval_end - data_interval_start).total_seconds() // 3600)


with DAG("timedelta_interval", schedule=timedelta(hours=6), catchup=False, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
