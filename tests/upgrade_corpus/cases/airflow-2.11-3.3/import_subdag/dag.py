"""A DAG file that imports SubDagOperator."""

from datetime import datetime

from airflow import DAG
from airflow.operators.subdag import SubDagOperator  # noqa: F401
from airflow.providers.standard.operators.python import PythonOperator


def _work(ds: str) -> str:
    return ds


with DAG("import_subdag", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
