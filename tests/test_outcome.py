from __future__ import annotations

import datetime as dt

import pytest

from harness.airflow.facts import TaskResult
from harness.airflow.outcome import get_activity, judge, last_error
from harness.airflow.runners import ProcessResult
from harness.airflow.snapshot import MetadataSnapshot
from harness.errors import RunError


def create_snapshot(state: str | None, **tasks: str | None) -> MetadataSnapshot:
    return MetadataSnapshot(state, {name: TaskResult(name, s, 1, 0.1) for name, s in tasks.items()}, {})


def test_a_successful_run_has_no_failure() -> None:
    assert judge(ProcessResult(0, "", 1.0), create_snapshot("success", a="success", b="skipped"), 9) is None


def test_a_failed_run_names_its_tasks() -> None:
    failed = create_snapshot("failed", a="success", c="upstream_failed", b="failed")
    assert judge(ProcessResult(1, "", 1.0), failed, 9) == "the run failed: b failed, c upstream_failed"


def test_a_failure_names_no_skipped_or_successful_task() -> None:
    failed = create_snapshot("failed", a="success", b="skipped", c="failed", d=None)
    assert judge(ProcessResult(1, "", 1.0), failed, 9) == "the run failed: c failed, d not begun"
    failed = create_snapshot("failed", a="success", b="skipped")
    assert judge(ProcessResult(1, "", 1.0), failed, 9) == "the run failed: no task says why"


def test_a_run_with_only_skipped_tasks_succeeds() -> None:
    assert judge(ProcessResult(0, "", 1.0), create_snapshot("success", a="skipped"), 9) is None


@pytest.mark.parametrize(
    ("exit_code", "state", "tasks", "message"),
    [
        (-9, "running", {"s": "running"}, "-9 before the run was over: s running"),
        (1, "running", {"a": "success", "b": "skipped", "s": "queued"}, "1 before the run was over: s queued"),
        (-15, "queued", {}, "-15 before the run was over: no task says why"),
    ],
)
def test_a_run_that_ends_early_is_a_failure(
    exit_code: int, state: str, tasks: dict[str, str | None], message: str
) -> None:
    failure = judge(ProcessResult(exit_code, "", 1.0), create_snapshot(state, **tasks), 9)
    assert failure == f"airflow ended with exit code {message}"


@pytest.mark.parametrize("tasks", [{}, {"a": None, "b": "removed"}])
def test_a_success_that_executed_nothing_is_a_failure(tasks: dict[str, str | None]) -> None:
    failure = judge(ProcessResult(0, "", 1.0), create_snapshot("success", **tasks), 9)
    assert failure == "no task was executed, although Airflow calls the run a success"


@pytest.mark.parametrize(("exit_code", "state"), [(0, "failed"), (1, "success"), (-9, "success"), (0, "running")])
def test_contradicting_exit_code_and_database_are_an_error(exit_code: int, state: str) -> None:
    with pytest.raises(RunError, match=f"exited with {exit_code} but its database says '{state}'"):
        judge(ProcessResult(exit_code, "", 1.0), create_snapshot(state, a="success"), 9)


def test_a_missing_run_shows_airflows_error() -> None:
    log = "noise\nairflow.exceptions.AirflowException: Dag 'x' could not be found\nmore noise"
    failure = judge(ProcessResult(1, log, 1.0), create_snapshot(None), 9)
    assert (
        failure
        == "Airflow made no run and exited with 1: airflow.exceptions.AirflowException: Dag 'x' could not be found"
    )


@pytest.mark.parametrize(
    ("log", "error"),
    [("", "(no output)"), ("one\n\ntwo\n\n", "two"), ("KeyError: 'a'\nValueError: b\nc: Error", "ValueError: b")],
)
def test_the_last_error_of_a_log(log: str, error: str) -> None:
    assert last_error(log) == error


@pytest.mark.parametrize(
    ("state", "started", "activity"),
    [
        ("running", True, "running"),
        ("scheduled", True, "running"),
        ("scheduled", False, None),
        ("deferred", True, "deferred"),
        ("success", True, None),
        (None, False, None),
    ],
)
def test_a_task_under_way(state: str | None, started: bool, activity: str | None) -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) if started else None
    assert get_activity(TaskResult("a", state, 1, None, start)) == activity


def test_a_timeout_is_a_failure() -> None:
    advice = "raise HARNESS_RUN_TIMEOUT or world.run(timeout=...) if the DAG needs longer"
    late = ProcessResult(None, "", 9.0)
    assert judge(late, create_snapshot(None), 9) == f"timed out after 9 s; {advice}"
    assert judge(late, create_snapshot("running", a="success", b="running", c=None), 9, "etl.py, line 3, in load") == (
        f"timed out after 9 s while task b was running (etl.py, line 3, in load); {advice}"
    )
