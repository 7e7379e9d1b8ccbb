"""A script that reads the date from its environment."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("context_variable", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="work", bash_command="echo day=$AIRFLOW_CTX_EXECUTION_DATE")
