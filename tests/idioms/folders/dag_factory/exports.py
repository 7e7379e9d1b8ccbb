"""One DAG for each entry of a YAML file, put into the module's namespace."""

import os
from datetime import datetime

import yaml
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "exports.yml")) as stream:
    CONFIG = yaml.safe_load(stream)


def export(table, columns, ds_nodash, **kwargs):
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    key = f"{table}/{ds_nodash}.csv"
    S3Hook("store").load_string(",".join(columns) + "\n", key, "exports", replace=True)
    return key


def create_dag(dag_id, table, settings):
    dag = DAG(
        dag_id,
        start_date=datetime(2023, 1, 1),
        schedule=settings["schedule"],
        default_args=CONFIG["defaults"],
        catchup=False,
    )
    with dag:
        begin = EmptyOperator(task_id="begin")
        write = PythonOperator(
            task_id="export",
            python_callable=export,
            op_kwargs={"table": table, "columns": settings["columns"]},
        )
        begin >> write
    return dag


for table, settings in CONFIG["exports"].items():
    dag_id = f"export_{table}"
    globals()[dag_id] = create_dag(dag_id, table, settings)
