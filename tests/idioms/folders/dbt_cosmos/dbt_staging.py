"""Another dbt project, as a group of tasks."""

from datetime import datetime

from airflow.decorators import dag
from airflow.operators.empty import EmptyOperator
from cosmos import DbtTaskGroup, ProjectConfig


@dag(start_date=datetime(2023, 1, 1), schedule="@hourly", catchup=False)
def dbt_staging():
    EmptyOperator(task_id="begin") >> DbtTaskGroup(group_id="staging", project_config=ProjectConfig("/dbt/staging"))


dbt_staging()
