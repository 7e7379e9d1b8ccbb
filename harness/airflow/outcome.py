"""Judge a run by exit code and metadata database; in some releases one of them was wrong."""

from __future__ import annotations

from harness.airflow.facts import TaskResult
from harness.airflow.runners import ProcessResult
from harness.airflow.snapshot import MetadataSnapshot
from harness.errors import RunError

NOT_EXECUTED = (None, "removed")
GOOD = ("success", "skipped")
WAITING = ("deferred", "up_for_retry", "up_for_reschedule")
# Final states of a run. In any other state, such as "running", Airflow ended before the run did.
FINAL = ("success", "failed")


def judge(result: ProcessResult, snapshot: MetadataSnapshot, timeout: float, place: str | None = None) -> str | None:
    """Return the reason of the run's failure in one line, or None if the run succeeded.

    `place` is the line of the DAG's code that was executed at the timeout.
    Raises RunError if exit code and database contradict each other: in some Airflow releases a failed run exits with 0
    (apache/airflow#24948, #34282).
    """
    if result.exit_code is None:
        tasks = [f"task {t.task_id} was {state}" for t in snapshot.tasks.values() if (state := get_activity(t))]
        doing = (f" while {', '.join(tasks)}" if tasks else "") + (f" ({place})" if place else "")
        return (
            f"timed out after {timeout:g} s{doing}; raise HARNESS_RUN_TIMEOUT or world.run(timeout=...) "
            "if the DAG needs longer"
        )
    if snapshot.state is None:
        return f"Airflow made no run and exited with {result.exit_code}: {last_error(result.log)}"
    # Failed tasks first: Airflow lists tasks in an order that depends on its version.
    ordered = sorted(snapshot.tasks.values(), key=lambda task: (task.state != "failed", task.task_id))
    bad = [f"{t.task_id} {t.state or 'not begun'}" for t in ordered if t.state not in GOOD]
    if result.exit_code != 0 and snapshot.state not in FINAL:
        return (
            f"airflow ended with exit code {result.exit_code} before the run was over: "
            f"{', '.join(bad) or 'no task says why'}"
        )
    if (result.exit_code == 0) != (snapshot.state == "success"):
        raise RunError(
            f"airflow exited with {result.exit_code} but its database says {snapshot.state!r}: "
            "trust neither, and report this to Airflow"
        )
    if snapshot.state != "success":
        return f"the run {snapshot.state}: {', '.join(bad) or 'no task says why'}"
    if all(task.state in NOT_EXECUTED for task in snapshot.tasks.values()):
        return "no task was executed, although Airflow calls the run a success"
    return None


def get_activity(task: TaskResult) -> str | None:
    """Return the state of a task instance that was under way; None if it was not.

    Airflow 2.11 leaves a task that `dags test` executes in the state `scheduled`.
    """
    if task.state == "running" or (task.state in ("queued", "scheduled") and task.start):
        return "running"
    return task.state if task.state in WAITING else None


def last_error(log: str) -> str:
    """Return the last line of the log that names an exception, else the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    named = [line for line in lines if "Error" in line.split(":")[0] or "Exception" in line.split(":")[0]]
    return (named or lines or ["(no output)"])[-1]
