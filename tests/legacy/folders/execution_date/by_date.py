"""The run's date under its names before Airflow 3."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def name_the_day(**context):
    return context["execution_date"].strftime("%A")


with DAG(dag_id="by_date", start_date=datetime(2020, 1, 1), schedule="@daily") as dag:
    PythonOperator(task_id="name_the_day", python_callable=name_the_day) >> BashOperator(
        task_id="say_the_day", bash_command="echo {{ execution_date.year }} after {{ prev_ds }}"
    )
