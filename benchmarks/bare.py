"""The bare command: what a user types, without the harness."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import Server, fresh_database
from harness.airflow.run_environment import run_environment

TIMEOUT = 300.0


def bare_run(airflow: AirflowEnvironment, server: Server, dags_folder: Path, dag_id: str, home: Path) -> float:
    """Measure `airflow dags test` in seconds, with a clean metadata database."""
    home.mkdir(parents=True, exist_ok=True)
    with fresh_database(airflow, server) as url:
        return _measure(airflow, home, dags_folder, url, "dags", "test", dag_id, "2021-01-01")


def bare_migration(airflow: AirflowEnvironment, server: Server, home: Path) -> float:
    """Measure `airflow db migrate` on an empty database, in seconds."""
    empty = home / "no-dags"
    empty.mkdir(parents=True)
    name = server.scratch_name()
    server.create(name)
    try:
        return _measure(airflow, home, empty, server.direct_url(name), "db", "migrate")
    finally:
        server.drop(name)


def _measure(airflow: AirflowEnvironment, home: Path, dags_folder: Path, metadata_url: str, *arguments: str) -> float:
    env = run_environment(airflow, home, dags_folder, metadata_url, {}, {})
    with (home / "bare.log").open("wb") as log:
        began = time.monotonic()
        subprocess.run(
            airflow.airflow(*arguments),
            env=env,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
            check=True,
        )
        return time.monotonic() - began
