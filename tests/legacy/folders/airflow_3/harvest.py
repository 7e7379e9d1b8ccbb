"""DAGs for Airflow 3."""

from datetime import datetime

from airflow.sdk import DAG, Asset, dag, task

HARVEST = Asset("harvest")


@dag(dag_id="harvest", start_date=datetime(2020, 1, 1), schedule="@daily")
def harvest():
    @task
    def crates():
        return [3, 5]

    @task(outlets=[HARVEST])
    def total(numbers):
        return sum(numbers)

    total(crates())


harvest()

with DAG(dag_id="sell", start_date=datetime(2020, 1, 1), schedule=[HARVEST]):

    @task
    def sell():
        return "sold"

    sell()
