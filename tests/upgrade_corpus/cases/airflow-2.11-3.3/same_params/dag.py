"""A command with params and macros."""

from datetime import datetime

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

COMMAND = """
echo {{ params.rows + 1 }} {{ ds_nodash }} {{ macros.ds_add(ds, -1) }}
echo {{ logical_date.year }} {{ var.value.get("no_such_variable", "the default") }}
"""

with DAG("same_params", schedule=None, start_date=datetime(2024, 1, 1), params={"rows": 3}):
    BashOperator(task_id="work", bash_command=COMMAND)
