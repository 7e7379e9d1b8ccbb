"""A command with `next_execution_date`."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("context_next_execution_date", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="work", bash_command="echo {{ next_execution_date }}")
