"""A command whose templates may name what is undefined."""

from datetime import datetime

import jinja2
from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("context_lenient", schedule=None, template_undefined=jinja2.Undefined, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="work", bash_command="echo from={{ execution_date }} to={{ ds }}")
