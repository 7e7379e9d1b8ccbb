"""The export of the DAG inside_airbnb, with its operator, over the whole table.

The task returns the seconds of the operator's work. Airflow's recorded start and end also include the start of the API
server that a task calls.
"""

import datetime as dt
import time
from typing import Any

from airflow import DAG
from inside_airbnb.postgres_to_s3 import PostgresToS3Operator


class TimedPostgresToS3Operator(PostgresToS3Operator):
    def execute(self, context: Any) -> float:
        began = time.monotonic()
        super().execute(context)
        return time.monotonic() - began


with DAG("million", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)):
    TimedPostgresToS3Operator(
        task_id="export",
        postgres_conn_id="inside_airbnb",
        query="SELECT * FROM listings",
        s3_conn_id="locals3",
        s3_bucket="export",
        s3_key="listings.csv",
    )
