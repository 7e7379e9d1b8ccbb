"""A producer and a consumer, joined by a dataset of Airflow 2.4 to 2.11."""

from datetime import datetime

from airflow import DAG
from airflow.datasets import Dataset
from airflow.operators.bash import BashOperator

PRICES = Dataset("s3://market/prices.csv")

with DAG("produce_prices", start_date=datetime(2023, 1, 1), schedule="@daily", catchup=False):
    BashOperator(task_id="produce", bash_command="echo 1", outlets=[PRICES])

with DAG("consume_prices", start_date=datetime(2023, 1, 1), schedule=[PRICES], catchup=False):
    BashOperator(task_id="consume", bash_command="echo {{ triggering_dataset_events }}")
