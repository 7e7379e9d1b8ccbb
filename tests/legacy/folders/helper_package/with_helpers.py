"""Code of the team's own lies in a package beside the DAG, and an operator in a folder of its own."""

from datetime import datetime

from airflow import DAG
from custom.greetings import greeting
from plugins.shout import ShoutOperator

with DAG(dag_id="with_helpers", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    ShoutOperator(task_id="shout", text=greeting("harbour"))
