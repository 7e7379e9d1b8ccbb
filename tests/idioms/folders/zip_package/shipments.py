"""The test packs this folder into a zip, as a team does that ships a DAG with its code."""

from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator

from shipping import weights

with DAG("shipments", start_date=datetime(2021, 1, 1), schedule=None) as dag:
    PythonOperator(task_id="weigh", python_callable=weights.weigh, op_kwargs={"boxes": [3, 4]})
