"""A DAG that does next to nothing: what a run of it costs is the cost of running."""

import datetime as dt

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

with DAG("empty", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)):
    PythonOperator(task_id="nothing", python_callable=print)
