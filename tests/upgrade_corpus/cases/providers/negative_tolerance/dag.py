"""A check with a tolerance accepts negative numbers near the bound."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.common.sql.operators.sql import SQLColumnCheckOperator, SQLExecuteQueryOperator
from airflow.sdk import DAG

with DAG("negative_tolerance", schedule=None, start_date=datetime(2024, 1, 1)):
    fill = SQLExecuteQueryOperator(
        task_id="fill",
        conn_id="shop",
        sql="CREATE TABLE degrees (degree int); INSERT INTO degrees VALUES (-105), (-20)",
        split_statements=True,
    )
    check = SQLColumnCheckOperator(
        task_id="check",
        conn_id="shop",
        table="degrees",
        column_mapping={"degree": {"min": {"geq_to": -100, "tolerance": 0.1}}},
    )
    fill >> check
