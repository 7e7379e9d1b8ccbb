from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG(dag_id="twice", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    EmptyOperator(task_id="of_the_second")
