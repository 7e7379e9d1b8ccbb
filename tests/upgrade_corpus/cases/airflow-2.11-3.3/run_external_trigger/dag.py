"""A template that asks how the run came about."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("run_external_trigger", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="work", bash_command="echo {{ dag_run.external_trigger + 0 }}")
