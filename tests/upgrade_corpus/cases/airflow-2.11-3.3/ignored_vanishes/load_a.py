"""A DAG that .airflowignore concerns."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("ignored_vanishes", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="work")
