"""Recorded evidence of a real run: its fields are filled on each Airflow line, and equal in every run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness.airflow.metadata import fresh_database
from harness.evidence.document import RunDocument
from harness.evidence.log_warnings import find_warning_documents
from harness.record.build import RecordedRun
from harness.record.folder import read_folder
from harness.record.versions import find_versions
from harness.world import World

MONTHLY = """
import datetime as dt
import warnings

from airflow import DAG
try:
    from airflow.sdk import Asset
except ImportError:
    from airflow.datasets import Dataset as Asset
from airflow.providers.standard.operators.python import PythonOperator


def work(start):
    warnings.warn("from the task", FutureWarning)
    return start


START = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
with DAG("monthly", schedule="@monthly", start_date=START, catchup=False):
    PythonOperator(task_id="work", python_callable=work, op_args=["{{ data_interval_start }}"])
ended = DAG("ended", schedule=dt.timedelta(days=1), start_date=START, end_date=START + dt.timedelta(days=1))
never = DAG("never", schedule=None)
once = DAG("once", schedule="@once", start_date=START)
warnings.warn("from the file", FutureWarning)
continuous = DAG("continuous", schedule="@continuous", start_date=START, max_active_runs=1)
updated = DAG("updated", schedule=[Asset("s3://bucket/key")], start_date=START)
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "dags"
    folder.mkdir()
    (folder / "monthly.py").write_text(MONTHLY)
    (folder / "broken.py").write_text("from airflow import DAG\n1 / 0\n")
    return folder


@pytest.fixture
def recording(world: World, dags: Path) -> World:
    settings = world.settings.model_copy(update={"dags_folder": dags})
    return dataclasses.replace(world, settings=settings, connections={}, environment={}, record=True)


def record(world: World) -> RunDocument:
    run = world.run("monthly", "2021-06-01")
    assert run.recorded
    recorded = RecordedRun.model_validate_json(run.recorded.read_bytes())
    assert recorded.incomplete == ()
    return recorded.run


def test_a_run_fills_its_document(recording: World) -> None:
    recording.put("data", "in/a.csv", b"n\r\n1\r\n")
    run = record(recording)
    # Airflow 2 gives a run the interval before the one that a scheduler gives it.
    start = "2021-05-01T00:00:00+00:00" if recording.airflow.major == 2 else "2021-06-01T00:00:00+00:00"
    assert run.interval
    assert run.interval.model_dump() == {
        "logical_date": "2021-06-01T00:00:00+00:00",
        "start": start,
        "end": start.replace("05", "06"),
    }
    assert run.run_type == "manual"
    assert run.order == ("work",)
    assert run.tasks["work"].operator == "PythonOperator"
    assert run.tasks["work"].rendered["op_args"] == [start.replace("T", " ")]
    assert run.xcoms == {"work": {"return_value": start.replace("T", " ")}}
    stored = run.objects["data"]["in/a.csv"]
    assert stored.text == "n\r\n1\r\n"
    assert stored.table
    assert stored.table.columns == {"n": "integer"}
    # Airflow 3.3 tells a warning of an imported file as a UserWarning.
    warned = [one for one in run.warnings if one.text.startswith("from the ")]
    assert [(one.text, one.file, one.line) for one in warned] == [
        ("from the file", "monthly.py", 24),
        ("from the task", "monthly.py", 14),
    ]
    versions = find_versions(recording.settings, recording.stack)
    assert versions.airflow == recording.airflow.airflow_version
    assert versions.servers.keys() == {"aws", "minio", "postgres"}
    again = record(recording)
    assert again == run


def test_schedules_start_at_the_given_date(recording: World, dags: Path, tmp_path: Path) -> None:
    home = tmp_path / "schedules"
    home.mkdir()
    runs = [("monthly", "2021-06-01"), ("gone", "2021-06-01")]
    with fresh_database(recording.airflow, recording.stack.postgres) as url:
        env = recording.build_environment(home, url)
        found = read_folder(recording.airflow, recording.execute, env, dags, home, 100, runs)
    assert found
    assert [Path(file).name for file in found["errors"]] == ["broken.py"]
    assert found["tasks"]["monthly"] == ["work"]
    assert found["files"]["monthly"] == str(dags / "monthly.py")
    documents = find_warning_documents(found["log"], dags, str)
    warned = [one for one in documents if one.text.startswith("from the ")]
    assert [(one.text, one.file, one.line) for one in warned] == [("from the file", "monthly.py", 24)]
    monthly, gone = found["runs"]
    assert gone is None
    scheduled = "2021-07-01T00:00:00+00:00" if recording.airflow.major == 2 else "2021-06-01T00:00:00+00:00"
    assert monthly["timetable"] == (
        "CronDataIntervalTimetable" if recording.airflow.major == 2 else "CronTriggerTimetable"
    )
    assert monthly["next"][0] == {
        "logical_date": "2021-06-01T00:00:00+00:00",
        "start": "2021-06-01T00:00:00+00:00",
        "end": scheduled,
    }
    assert [each["logical_date"][:7] for each in monthly["next"]] == [f"2021-{month:02}" for month in range(6, 11)]
    schedules: dict[str, dict[str, Any]] = found["schedules"]
    assert schedules["monthly"]["anchor"] == "2026-01-01T00:00:00+00:00"
    assert schedules["monthly"]["next"][0]["logical_date"] == "2026-01-01T00:00:00+00:00"
    assert schedules["ended"]["anchor"] == "2020-01-01T00:00:00+00:00"
    assert schedules["ended"]["next"]
    assert [dag_id for dag_id, each in schedules.items() if "unreadable" in each] == []
    assert {dag_id for dag_id, each in schedules.items() if not each["next"]} == {"continuous", "never", "updated"}
    assert len(schedules["once"]["next"]) == 1
