from __future__ import annotations

import pytest

from harness.airflow.judge import failure_of
from harness.airflow.process import Finished
from harness.airflow.run import Recorded, TaskResult
from harness.errors import RunError


def recorded(state: str | None, **tasks: str | None) -> Recorded:
    return Recorded(state, {name: TaskResult(name, s, 1, 0.1) for name, s in tasks.items()}, {})


def test_a_run_that_did_its_work() -> None:
    assert failure_of(Finished(0, "", 1.0), recorded("success", a="success", b="skipped"), 9) is None


def test_a_failed_run_names_its_tasks() -> None:
    failed = recorded("failed", a="success", b="failed", c="upstream_failed")
    assert failure_of(Finished(1, "", 1.0), failed, 9) == "the run failed: b failed, c upstream_failed"


@pytest.mark.parametrize("tasks", [{}, {"a": None, "b": "removed"}])
def test_a_success_that_executed_nothing_is_a_failure(tasks: dict[str, str | None]) -> None:
    told = failure_of(Finished(0, "", 1.0), recorded("success", **tasks), 9)
    assert told == "no task was executed, although Airflow calls the run a success"


@pytest.mark.parametrize(("exit_code", "state"), [(0, "failed"), (1, "success"), (0, "running")])
def test_exit_code_and_database_that_disagree(exit_code: int, state: str) -> None:
    with pytest.raises(RunError, match=f"exited with {exit_code} but its database says '{state}'"):
        failure_of(Finished(exit_code, "", 1.0), recorded(state, a="success"), 9)


def test_no_run_at_all_shows_airflows_own_error() -> None:
    log = "noise\nairflow.exceptions.AirflowException: Dag 'x' could not be found\nmore noise"
    told = failure_of(Finished(1, log, 1.0), recorded(None), 9)
    assert (
        told == "Airflow made no run and exited with 1: airflow.exceptions.AirflowException: Dag 'x' could not be found"
    )


def test_a_run_out_of_time() -> None:
    assert failure_of(Finished(None, "", 9.0), recorded("running"), 9) == (
        "timed out after 9 s; raise HARNESS_RUN_TIMEOUT if the DAG needs longer"
    )
