"""A command with `prev_ds`."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("context_prev_ds", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="work", bash_command="echo {{ prev_ds }}")
