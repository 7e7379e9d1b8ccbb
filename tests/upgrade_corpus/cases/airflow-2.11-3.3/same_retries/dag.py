"""A group with a retried task, and a mapped one."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task, task_group

with DAG("same_retries", schedule=None, start_date=datetime(2024, 1, 1)):

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def extract(ti=None) -> list[int]:
        if ti.try_number == 1:
            raise ValueError("the source is not ready")
        return [1, 2]

    @task
    def load(rows: int) -> int:
        return rows * 2

    @task_group
    def prices() -> None:
        load.expand(rows=extract())

    prices()
