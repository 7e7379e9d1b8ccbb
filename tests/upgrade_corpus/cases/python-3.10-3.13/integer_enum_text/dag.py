"""The text of an integer enum is its number, not its name."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from airflow.sdk import DAG, task


class Level(IntEnum):
    HIGH = 3


with DAG("integer_enum_text", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def level() -> str:
        return str(Level.HIGH)

    level()
