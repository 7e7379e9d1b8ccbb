"""Output of a container that is not UTF-8 is replaced, no longer kept as surrogates."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.docker.operators.docker import stringify
from airflow.sdk import DAG, task

with DAG("bad_bytes", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def output() -> str:
        return ascii(stringify(b"caf\xe9"))

    output()
