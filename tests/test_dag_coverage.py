"""`pytest --cov` measures DAG code, which runs in Airflow's interpreter."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from coverage import Coverage

from harness.airflow.runners.process import execute
from harness.dag_coverage import measure_commands, write_settings
from harness.settings import Settings
from tests.outer import CONFTEST, project, run_pytest
from tests.warm.stub import HERE

DAG = """
import datetime as dt
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

def work(**context):
    if context["dag_run"].conf["runner"] == "warm":
        print("in a fork")
    else:
        print("in a new process")

with DAG("shop", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)):
    PythonOperator(task_id="work", python_callable=work)
"""
BOTH_RUNNERS = """
import pytest

@pytest.fixture(scope="session", params=["warm", "process"])
def harness_settings(request, harness_settings):
    return harness_settings.model_copy(update={"runner": request.param})
"""
TEST = """
def test_it(world, harness_settings):
    world.run("shop", "2021-01-01", conf={"runner": harness_settings.runner})
"""


@pytest.mark.at_length  # its two workers each start a warm host
def test_two_workers_measure_the_dags_of_both_runners(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, TEST)
    (folder / "conftest.py").write_text(CONFTEST + BOTH_RUNNERS)
    (folder / "dags").mkdir()
    (folder / "dags" / "shop.py").write_text(DAG)
    options = ("--harness-stack", "embedded", "--harness-dags-folder", "dags")

    done = run_pytest(folder, harness_settings.root, "-n", "2", "--cov=dags", "--cov-branch", *options)

    assert done.returncode == 0, done.stdout
    measured = [line.split() for line in done.stdout.splitlines() if line.startswith("dags/shop.py ")]
    assert measured == [["dags/shop.py", "9", "0", "2", "0", "100%"]], done.stdout
    assert "CoverageWarning" not in done.stdout
    assert not list(folder.glob(".coverage.*"))


def test_an_airflow_without_coverage_gets_a_remark() -> None:
    bare, remarks = dataclasses.replace(HERE, python=Path("/airflow/bin/python"), packages={}), list[str]()

    assert measure_commands(execute, bare, Path("coveragerc"), remarks.append) is execute
    assert remarks == [
        "coverage: no DAG code is measured; to measure it, run `/airflow/bin/python -m pip install coverage`"
    ]
    assert measure_commands(execute, bare, None, remarks.append) is execute
    assert len(remarks) == 1, "without --cov there is nothing to say"


def test_paths_of_the_project_become_absolute(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "own.toml").write_text(
        '[tool.coverage.run]\nomit = ["dags/old/*", "*/generated.py"]\nbranch = true\ndata_file = "left/$$data"\n'
    )
    own = Coverage(source=["dags", "helpers"], config_file=str(tmp_path / "own.toml"))

    read = Coverage(config_file=str(write_settings(own, tmp_path, tmp_path))).get_option

    assert read("run:source") == [str(tmp_path / "dags"), "helpers"]
    assert read("run:omit")[:2] == [str(tmp_path / "dags/old/*"), "*/generated.py"]  # type: ignore[index]
    assert read("run:branch") is True
    assert read("run:parallel") is True
    assert read("run:data_file") == str(tmp_path / "left/$data")
