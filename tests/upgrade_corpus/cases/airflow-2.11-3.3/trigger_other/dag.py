"""A DAG that triggers another one."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

with DAG("trigger_other", schedule=None, start_date=datetime(2024, 1, 1)):
    TriggerDagRunOperator(task_id="work", trigger_dag_id="trigger_other_target")

with DAG("trigger_other_target", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="work")
