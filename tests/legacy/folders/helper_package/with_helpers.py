"""The team's code is in a package next to the DAG, and an operator in another folder."""

from datetime import datetime

from airflow import DAG
from custom.greetings import greeting
from plugins.shout import ShoutOperator

with DAG(dag_id="with_helpers", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    ShoutOperator(task_id="shout", text=greeting("harbour"))
