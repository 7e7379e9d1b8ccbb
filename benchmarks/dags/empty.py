"""A DAG that does nothing: its run costs only Airflow's overhead."""

import datetime as dt

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

with DAG("empty", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)):
    PythonOperator(task_id="nothing", python_callable=print)
