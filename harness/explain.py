"""Explain why a run failed, from the dags folder and the DAG's file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from harness.airflow.dagbag import DagBag, group_errors, read_dagbag
from harness.airflow.facts import RunFacts
from harness.airflow.runner import RunRequest
from harness.airflow.runners import Execute
from harness.compatibility.find import find_in_broken_files, format_short, hint_for_failure
from harness.compatibility.finding import format_files
from harness.errors import RunRefusedError


def explain(facts: RunFacts, request: RunRequest, execute: Execute) -> str | None:
    """Return the run's failure in one line, with the cause if found; None for a success.

    For a run without tasks the dags folder is read. Raises RunRefusedError if the folder does not contain the DAG.
    """
    failure = facts.failure
    if failure is None or facts.exit_code is None:
        return failure
    airflow = request.airflow
    if facts.tasks:
        hints = (
            hint_for_failure(request.dags_folder, file, facts.log, airflow) for file in _list_files(facts, request)
        )
        hint = next(filter(None, hints), None)
        return f"{failure}; {hint}" if hint else failure
    bag = read_dagbag(airflow, request.dags_folder, request.env, request.home, request.timeout, execute)
    if bag is None:
        return failure
    if facts.state is None and (reason := explain_missing_dag(bag, request.dag_id, request.dags_folder)):
        findings = find_in_broken_files(bag.errors, bag.missing_imports, request.dags_folder, airflow)
        raise RunRefusedError("; ".join(filter(None, (reason, format_short(findings)))))
    return explain_missing_tasks(bag, request.dag_id, request.date) if facts.exit_code == 0 else failure


def _list_files(facts: RunFacts, request: RunRequest) -> list[Path]:
    """Return the DAG's file, else the files that contain the DAG's id.

    Airflow 3.0 may not have recorded the DAG's file.
    """
    if known := facts.dag_files.get(request.dag_id):
        return [Path(known)]
    files = sorted(file for file in request.dags_folder.rglob("*.py") if file.is_file())
    return [file for file in files if request.dag_id in file.read_text(errors="replace")]


def explain_missing_dag(bag: DagBag, dag_id: str, dags_folder: Path) -> str | None:
    """Return why the DAG bag lacks `dag_id`, in one line; None if the DAG is in the bag."""
    if dag_id in bag.dags:
        return None
    if bag.errors:
        groups = group_errors(bag).items()
        broken = "; ".join(f"{format_files([Path(file).name for file in files])}: {error}" for error, files in groups)
        count = "a file is broken" if len(bag.errors) == 1 else f"{len(bag.errors)} files are broken"
        return f"DAG {dag_id!r} is not in {dags_folder}, where {count}: {broken}"
    known = ", ".join(sorted(bag.dags)) or "no DAG at all"
    return f"DAG {dag_id!r} is not in {dags_folder}, which holds: {known}"


def explain_missing_tasks(bag: DagBag, dag_id: str, date: str) -> str:
    """Return why a run of `dag_id` for `date` executed no task, in one line."""
    facts = bag.dags.get(dag_id)
    if facts is None:
        return f"no task was executed, and DAG {dag_id!r} is no longer in the folder"
    start, end = (_parse_moment(text) if text else None for text in (facts.start, facts.end))
    if (start and _parse_moment(date) < start) or (end and _parse_moment(date) > end):
        return (
            f"no task was executed: {date} is outside the DAG's dates, {_format_moment(start)} (start_date) to "
            f"{_format_moment(end)} (end_date); Airflow calls such a run a success"
        )
    return "no task was executed, although the date is within the DAG's dates: has the DAG any task for it?"


def _parse_moment(text: str) -> datetime:
    """Parse an ISO date or time. Without an offset the time is UTC, as in Airflow."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _format_moment(moment: datetime | None) -> str:
    """Format the moment in ISO; midnight in UTC as the date alone."""
    if moment is None:
        return "any"
    return moment.isoformat().removesuffix("T00:00:00+00:00")
