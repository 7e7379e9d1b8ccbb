"""A dbt project as a DAG, with a package that is not installed."""

import os
from datetime import datetime

from cosmos import DbtDag, ProfileConfig, ProjectConfig
from cosmos.profiles import PostgresUserPasswordProfileMapping

marts = DbtDag(
    dag_id="dbt_marts",
    project_config=ProjectConfig(os.path.join(os.environ["AIRFLOW_HOME"], "dbt", "marts")),
    profile_config=ProfileConfig(
        profile_name="marts",
        target_name="dev",
        profile_mapping=PostgresUserPasswordProfileMapping(conn_id="warehouse", profile_args={"schema": "marts"}),
    ),
    schedule="@daily",
    start_date=datetime(2023, 1, 1),
    catchup=False,
)
