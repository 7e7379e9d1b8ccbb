"""A grouping by a category leaves out the groups without rows."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("groups_without_rows", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        kinds = pd.Categorical(["suite", "suite"], categories=["single", "double", "suite"])
        rooms = pd.DataFrame({"kind": kinds, "nights": [2, 3]}).groupby("kind").nights.sum()
        S3Hook("store").load_string(rooms.to_csv(), "out/rooms.csv", "groups-without-rows")

    write()
