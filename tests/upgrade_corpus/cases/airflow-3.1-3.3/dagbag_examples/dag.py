"""A task that reads a dags folder."""

from datetime import datetime
from pathlib import Path

from airflow import DAG
from airflow.models import DagBag
from airflow.providers.standard.operators.python import PythonOperator


def _work() -> int:
    return len(DagBag(dag_folder=str(Path(__file__).parent), include_examples=False).dags)


with DAG("dagbag_examples", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
