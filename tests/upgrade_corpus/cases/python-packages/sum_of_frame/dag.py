"""numpy.sum of a frame is one number, no longer one for each column."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from airflow.sdk import DAG, task

with DAG("sum_of_frame", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write() -> str:
        return str(np.sum(pd.DataFrame({"adults": [2, 1], "children": [0, 3]})).tolist())

    write()
