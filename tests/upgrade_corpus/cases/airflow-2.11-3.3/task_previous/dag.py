"""A template that asks for the previous run."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("task_previous", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="work", bash_command="echo {{ ti.get_previous_execution_date() }}")
