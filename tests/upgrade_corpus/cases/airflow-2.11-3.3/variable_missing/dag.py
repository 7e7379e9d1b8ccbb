"""A variable with a default, by catching the error."""

from datetime import datetime

from airflow import DAG
from airflow.models import Variable
from airflow.providers.standard.operators.python import PythonOperator


def _work() -> str:
    try:
        return Variable.get("no_such_variable")
    except KeyError:
        return "the default"


with DAG("variable_missing", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="work", python_callable=_work)
