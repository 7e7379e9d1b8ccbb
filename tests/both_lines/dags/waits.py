"""A DAG that takes more than ten minutes with its real waits: two retries, and a sensor that must poke twice."""

import datetime as dt
import os

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.python import PythonSensor

MINUTE = float(os.environ.get("MINUTE", "60"))
pokes = []


def third_try(**context):
    if context["ti"].try_number < 3:
        raise RuntimeError("not yet")


def second_poke():
    pokes.append(None)
    return len(pokes) == 2


with DAG("waits", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)):
    sensor = PythonSensor(task_id="sensor", python_callable=second_poke, poke_interval=MINUTE)
    retried = PythonOperator(
        task_id="retried",
        python_callable=third_try,
        retries=2,
        retry_delay=dt.timedelta(seconds=5 * MINUTE),
        retry_exponential_backoff=True,
    )
    never = PythonOperator(task_id="never_retried", python_callable=print)
    mapped = PythonOperator.partial(
        task_id="mapped", python_callable=print, retries=1, retry_delay=dt.timedelta(seconds=MINUTE)
    ).expand(op_args=[["one"], ["two"]])
    sensor >> retried >> never >> mapped
