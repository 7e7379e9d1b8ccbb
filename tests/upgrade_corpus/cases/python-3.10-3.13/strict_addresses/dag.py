"""Addresses with a comment-like name are parsed to nothing."""

from __future__ import annotations

from datetime import datetime
from email.utils import getaddresses

from airflow.sdk import DAG, task

with DAG("strict_addresses", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def receivers() -> list[str]:
        return [address for _, address in getaddresses(["ann@example.org <ann.b@example.org>"]) if address]

    receivers()
