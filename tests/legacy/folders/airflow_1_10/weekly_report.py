"""A DAG for Airflow 1.10, in the style of 2020."""

from datetime import timedelta

from airflow import DAG
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import PythonOperator
from airflow.utils.dates import days_ago

default_args = {"owner": "reports", "start_date": days_ago(2), "retries": 0}


def count(**context):
    print("counting for", context["ds"])
    return 3


dag = DAG(
    "weekly_report",
    default_args=default_args,
    schedule_interval=timedelta(days=7),
    concurrency=4,
)

begin = DummyOperator(task_id="begin", dag=dag)
counting = PythonOperator(task_id="count", python_callable=count, provide_context=True, dag=dag)
begin >> counting
