"""task.bash obeys multiple_outputs, which it ignored, and refuses a text."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, task

with DAG("bash_outputs", schedule=None, start_date=datetime(2024, 1, 1)):

    @task.bash(multiple_outputs=True)
    def count() -> str:
        return "echo 3"

    count()
