"""Values of several types, and what reads them."""

from datetime import UTC, date, datetime
from decimal import Decimal

from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def _make() -> object:
    return {"day": date(2024, 3, 5), "at": datetime(2024, 3, 5, tzinfo=UTC), "price": Decimal("1.10"), "n": 2**40}


def _work(ti) -> object:
    return repr(sorted(ti.xcom_pull(task_ids="make").items()))


with DAG("same_xcoms", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="make", python_callable=_make) >> PythonOperator(task_id="work", python_callable=_work)
