"""`harness upgrade` as a user types it, on the embedded stack."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.airflow.runners.warm import end_hosts
from harness.compare.model import Comparison
from harness.runtime_dir import hosts_folder
from harness.services.embedded.processes import list_kept_stacks
from harness.services.session import ServiceSession
from tests.outer import environment

DAG = """
import datetime as dt
from airflow import DAG
from airflow.operators.python import PythonOperator

def start_of(data_interval_start, **_):
    return data_interval_start.isoformat()

with DAG(dag_id="starts", start_date=dt.datetime(2020, 1, 1), schedule="@daily", catchup=False):
    PythonOperator(task_id="tell", python_callable=start_of)
"""
TEST = """
def test_it(world):
    world.run("starts", "2021-03-04")
"""
OLD = Path(".harness/airflow/2.11/bin/python")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "starts.py").write_text(DAG)
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\nstack = 'embedded'\n")
    (tmp_path / "test_it.py").write_text(TEST)
    yield tmp_path
    end_hosts(hosts_folder(tmp_path))


def upgrade(folder: Path, root: Path, *arguments: str, code: int) -> Comparison:
    command = [sys.executable, "-m", "harness", "upgrade", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(root), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "report: " in done.stdout
    return Comparison.model_validate_json((folder / ".harness" / "upgrade" / "comparison.json").read_text())


@pytest.mark.at_length
def test_equal_versions_have_no_difference(folder: Path, pytestconfig: pytest.Config) -> None:
    same = f"airflow-python={os.environ['HARNESS_AIRFLOW_PYTHON']}"
    compared = upgrade(folder, pytestconfig.rootpath, "--to", same, "--no-repeat", code=0)

    assert compared.differences == ()
    assert compared.scenarios == ("test_it.py::test_it",)
    (metadata,) = (section for section in compared.sections if section.title.startswith("Metadata database"))
    assert metadata.note.startswith("not done: both sides have the same packages of Airflow. ")
    own = ServiceSession(folder, None).folder.parent
    assert not [kept for kept, session in list_kept_stacks() if session.is_relative_to(own)], "its services have ended"


@pytest.mark.at_length
def test_every_dag_of_a_project_without_scenarios(folder: Path, pytestconfig: pytest.Config) -> None:
    python = pytestconfig.rootpath / OLD
    if not python.exists():
        pytest.skip("needs the environment of Airflow 2.11: make airflow-2.11")
    (folder / "test_it.py").unlink()

    compared = upgrade(
        folder, pytestconfig.rootpath, "--from", f"airflow-python={python}", "--to",
        f"airflow-python={os.environ['HARNESS_AIRFLOW_PYTHON']}", "--date", "2021-03-04", code=1,
    )  # fmt: skip

    assert compared.scenarios == ("test_every_dag.py::test_dag[starts]",)
    changed = {one.field: (one.before, one.after) for one in compared.differences if one.verdict == "changed"}
    assert changed["xcoms.tell.return_value"] == ("2021-03-03T00:00:00+00:00", "2021-03-04T00:00:00+00:00")
    assert changed["dags.starts.schedule.timetable"] == ("CronDataIntervalTimetable", "CronTriggerTimetable")
    sections = {section.title: section for section in compared.sections}
    assert sections["Forecast: Airflow settings"].note == "nothing found"
    assert any(title.startswith("Metadata database") and section.rows for title, section in sections.items())
