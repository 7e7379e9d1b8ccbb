"""DockerOperator takes the engine of DOCKER_HOST instead of the local one.

The harness refuses DOCKER_HOST for a run, so the task sets it, as a deployment has it.
"""

from __future__ import annotations

import os
from datetime import datetime

from airflow.decorators import task
from airflow.models.dag import DAG
from airflow.providers.docker.operators.docker import DockerOperator

with DAG("engine_by_variable", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def engine() -> str:
        os.environ["DOCKER_HOST"] = "tcp://127.0.0.1:1"
        return DockerOperator(task_id="work", image="debian").docker_url

    engine()
