"""The DAG that a warm host runs before it serves: on every Airflow line, with an XCom."""

# mypy: ignore-errors
from datetime import datetime, timezone

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG("harness_warm_up", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=timezone.utc)):

    @task
    def first():
        return {"answer": 42}

    @task
    def second(given):
        print(given)

    second(first())
