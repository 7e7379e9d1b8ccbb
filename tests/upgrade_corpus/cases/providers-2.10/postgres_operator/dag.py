"""PostgresOperator is gone, so the DAG can't be imported."""

from __future__ import annotations

from datetime import datetime

from airflow.models.dag import DAG
from airflow.providers.postgres.operators.postgres import PostgresOperator

with DAG("postgres_operator", schedule=None, start_date=datetime(2024, 1, 1)):
    PostgresOperator(task_id="create", postgres_conn_id="shop", sql="CREATE TABLE visits (guest text)")
