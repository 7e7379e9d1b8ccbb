"""A DAG that needs no service: two tasks, one of which passes at its second try."""

import datetime as dt

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def answer() -> dict[str, int]:
    print("hello from the task")
    return {"answer": 42}


def second_try(**context: object) -> None:
    if context["ti"].try_number < 2:  # type: ignore[attr-defined]
        raise RuntimeError("not yet")


with DAG("hello", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)) as dag:
    first = PythonOperator(task_id="answer", python_callable=answer)
    second = PythonOperator(
        task_id="second_try", python_callable=second_try, retries=1, retry_delay=dt.timedelta(seconds=0)
    )
    first >> second
