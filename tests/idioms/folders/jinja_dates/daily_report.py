"""Dates from templates, some of which Airflow 3 has no more."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

QUERY = """
    select count(*) from visits
    where day >= '{{ macros.ds_add(ds, -7) }}'
      and day < '{{ next_ds }}'
"""


def compare(query, **kwargs):
    from airflow.utils.dates import days_ago

    first = days_ago(7)
    when = kwargs.get("execution_date")
    return query, kwargs["ti"].execution_date, first, when


with DAG("daily_report", start_date=datetime(2021, 1, 1), schedule="@daily", catchup=False) as dag:
    today = BashOperator(task_id="today", bash_command="echo {{ ds_nodash }} {{ ts_nodash }} {{ dag_run.run_id }}")
    yesterday = BashOperator(task_id="yesterday", bash_command="echo since {{ prev_ds }}")
    today >> yesterday >> PythonOperator(task_id="compare", python_callable=compare, op_kwargs={"query": QUERY})
