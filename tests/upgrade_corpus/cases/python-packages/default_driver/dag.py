"""SQLAlchemy's default driver of Postgres is psycopg, whose cursor psycopg2 refuses."""

from __future__ import annotations

from datetime import datetime

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, task
from psycopg2.extras import execute_values
from sqlalchemy import create_engine

with DAG("default_driver", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def load():
        engine = create_engine(PostgresHook("shop").connection.get_uri().replace("postgres://", "postgresql://"))
        connection = engine.raw_connection()
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE prices (article text, price int)")
        execute_values(cursor, "INSERT INTO prices VALUES %s", [("a", 1), ("b", 2)])
        connection.commit()

    load()
