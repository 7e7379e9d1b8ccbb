"""Removes its container with the argument of 2021."""

from datetime import datetime

from airflow import DAG
from airflow.providers.docker.operators.docker import DockerOperator

with DAG(dag_id="count_words", start_date=datetime(2020, 1, 1), schedule=None) as dag:
    DockerOperator(task_id="count", image="words:1", command="wc", auto_remove=True)
