"""Arguments of several types."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _work(*values: object) -> str:
    return repr(values)


with DAG("same_op_args", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work, op_args=[1, {"a": 2}, None, "{{ ds }}"])
