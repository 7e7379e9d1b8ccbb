"""Did the run do its work? Exit code and metadata database are both asked, because each has lied alone."""

from __future__ import annotations

from harness.airflow.runners import ProcessResult
from harness.airflow.snapshot import MetadataSnapshot
from harness.errors import RunError

# A task in one of these states was executed or ruled on; None and "removed" mean that nothing happened.
NOTHING = (None, "removed")
GOOD = ("success", "skipped")
# The states in which a run ends; in another one, as "running", Airflow was still at it.
OVER = ("success", "failed")


def failure_of(finished: ProcessResult, recorded: MetadataSnapshot, timeout: float) -> str | None:
    """None where the run succeeded, else the reason in one line.

    Raises RunError where exit code and database contradict each other: Airflow has had releases in which a failed
    run exited with 0 (apache/airflow#24948, #34282).
    """
    if finished.exit_code is None:
        return f"timed out after {timeout:g} s; raise HARNESS_RUN_TIMEOUT if the DAG needs longer"
    if recorded.state is None:
        return f"Airflow made no run and exited with {finished.exit_code}: {last_error(finished.log)}"
    bad = [f"{t.task_id} {t.state or 'not begun'}" for t in recorded.tasks.values() if t.state not in GOOD]
    if finished.exit_code != 0 and recorded.state not in OVER:
        return (
            f"airflow ended with exit code {finished.exit_code} before the run was over: "
            f"{', '.join(bad) or 'no task says why'}"
        )
    if (finished.exit_code == 0) != (recorded.state == "success"):
        raise RunError(
            f"airflow exited with {finished.exit_code} but its database says {recorded.state!r}: "
            "trust neither, and report it to Airflow"
        )
    if recorded.state != "success":
        return f"the run {recorded.state}: {', '.join(bad) or 'no task says why'}"
    if all(task.state in NOTHING for task in recorded.tasks.values()):
        return "no task was executed, although Airflow calls the run a success"
    return None


def last_error(log: str) -> str:
    """The last line of the log that names an exception, else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    named = [line for line in lines if "Error" in line.split(":")[0] or "Exception" in line.split(":")[0]]
    return (named or lines or ["(no output)"])[-1]
