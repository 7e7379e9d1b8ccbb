"""The DAG imports from include/, which lies beside the dags folder."""

from pendulum import datetime

from airflow.decorators import dag, task
from include.cleaning import drop_empty


@dag(start_date=datetime(2024, 1, 1), schedule="@daily", catchup=False, tags=["orders"])
def orders():
    @task
    def read_orders():
        return [{"order": 1, "total": 20}, {"order": 2, "total": None}]

    @task
    def clean(rows):
        return drop_empty(rows)

    clean(read_orders())


orders()
