"""A docstring has no indentation any more, so a text made of it differs."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task


def _query():
    """SELECT *
    FROM visits
    """


with DAG("docstring_as_query", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        S3Hook("store").load_string(_query.__doc__, "out/query.sql", "docstring-as-query")

    write()
