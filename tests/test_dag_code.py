"""Run tests/dags, the tests of the pipelines' code, in Airflow's environment: .venv has no Airflow to import."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.airflow.environments import AirflowEnvironment

FOLDER = Path(__file__).parent / "dags"


@pytest.mark.parametrize("file", sorted(FOLDER.glob("test_*.py")), ids=lambda file: file.stem)
def test_dag_code(file: Path, harness_airflow: AirflowEnvironment, postgres_dsn: str, tmp_path: Path) -> None:
    command = [
        str(harness_airflow.python),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error::pytest.PytestWarning",
    ]
    # Without --confcutdir it would load the conftest.py of this folder, which imports the harness.
    done = subprocess.run(
        [*command, "--confcutdir", str(FOLDER), str(file)],
        cwd=FOLDER.parents[1],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DAG_CODE_POSTGRES": postgres_dsn},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout, done.stdout
