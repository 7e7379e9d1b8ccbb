"""The types that a frame declares are other words."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.sdk import DAG, task

with DAG("declared_types", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write() -> dict[str, str]:
        visits = pd.DataFrame({"guest": ["ann"], "at": pd.to_datetime(["2024-01-01"])})
        return {column: str(kind) for column, kind in visits.dtypes.items()}

    write()
