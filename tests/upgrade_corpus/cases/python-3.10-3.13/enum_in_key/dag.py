"""A format of a text enum is its name, not its value, so the object has another key."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task


class Kind(str, Enum):  # noqa: UP042 - StrEnum has another format
    SUITE = "suite"


with DAG("enum_in_key", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        S3Hook("store").load_string("nights\n3\n", f"out/{Kind.SUITE}.csv", "enum-in-key")

    write()
