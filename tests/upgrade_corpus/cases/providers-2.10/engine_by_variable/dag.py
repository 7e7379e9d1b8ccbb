"""DockerOperator takes the engine of DOCKER_HOST instead of the local one."""

from __future__ import annotations

from datetime import datetime

from airflow.decorators import task
from airflow.models.dag import DAG
from airflow.providers.docker.operators.docker import DockerOperator

with DAG("engine_by_variable", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def engine() -> str:
        return DockerOperator(task_id="work", image="debian").docker_url

    engine()
