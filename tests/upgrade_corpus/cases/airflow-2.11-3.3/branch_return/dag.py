"""A branch whose choice a later task may pull."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator


def _choose() -> str:
    return "full"


with DAG("branch_return", schedule=None, start_date=datetime(2024, 1, 1)):
    work = BranchPythonOperator(task_id="work", python_callable=_choose)
    work >> [EmptyOperator(task_id="full"), EmptyOperator(task_id="increment")]
