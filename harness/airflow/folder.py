"""What is in a dags folder, as Airflow itself reads it. Asked only when a run needs explaining: it costs a start-up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.inside.read_dags import MARK
from harness.airflow.runners import Execute


@dataclass(frozen=True)
class DagFacts:
    """Where a DAG is defined, between which dates it runs (ISO, None: open), the edges of its graph, and its schedule:
    a cron expression, or a word or two.
    """

    file: str
    start: str | None
    end: str | None
    edges: Sequence[Sequence[str]] = ()
    schedule: str = ""


@dataclass(frozen=True)
class Folder:
    """The DAGs by id, and for each broken file its traceback."""

    dags: Mapping[str, DagFacts]
    errors: Mapping[str, str]


def read_folder(
    airflow: AirflowEnvironment,
    dags_folder: Path,
    env: Mapping[str, str],
    work_dir: Path,
    timeout: float,
    execute: Execute,
) -> Folder | None:
    """None where even reading failed; then the log `folder.log` in `work_dir` tells why."""
    done = execute(
        airflow.inside("read_dags", str(dags_folder)),
        env,
        work_dir,
        work_dir / "folder.log",
        timeout,
    )
    for line in done.log.splitlines():
        if line.startswith(MARK):
            found = json.loads(line.removeprefix(MARK))
            dags = {dag_id: DagFacts(**facts) for dag_id, facts in found["dags"].items()}
            return Folder(dags, found["errors"])
    return None


def why_no_run(folder: Folder, dag_id: str, dags_folder: Path) -> str | None:
    """One line on why `dag_id` can't be run, None where the folder holds it in order."""
    if dag_id in folder.dags:
        return None
    if folder.errors:
        broken = "; ".join(f"{Path(file).name}: {error}" for file, error in broken_files(folder).items())
        return f"DAG {dag_id!r} is not in {dags_folder}, where a file is broken: {broken}"
    known = ", ".join(sorted(folder.dags)) or "no DAG at all"
    return f"DAG {dag_id!r} is not in {dags_folder}, which holds: {known}"


def broken_files(folder: Folder) -> dict[str, str]:
    """For each broken file the last line of its traceback."""
    return {file: _last_line(trace) for file, trace in sorted(folder.errors.items())}


def why_no_task(folder: Folder, dag_id: str, date: str) -> str:
    """One line on why a run of `dag_id` for `date` executed nothing."""
    facts = folder.dags.get(dag_id)
    if facts is None:
        return f"no task was executed, and DAG {dag_id!r} is no longer in the folder"
    start, end = (_moment(text) if text else None for text in (facts.start, facts.end))
    if (start and _moment(date) < start) or (end and _moment(date) > end):
        return (
            f"no task was executed: {date} is outside the DAG's dates, {_shown(start)} (start_date) to "
            f"{_shown(end)} (end_date); Airflow calls such a run a success"
        )
    return "no task was executed, although the date is within the DAG's dates: has the DAG any task for it?"


def _moment(text: str) -> datetime:
    """An ISO date or time; without an offset it is UTC, as for Airflow."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shown(moment: datetime | None) -> str:
    """The date alone where that says it all: midnight, UTC."""
    if moment is None:
        return "any"
    return moment.isoformat().removesuffix("T00:00:00+00:00")


def _last_line(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    where = [line for line in lines if line.startswith("File ")]
    return f"{lines[-1]} ({where[-1]})" if where else lines[-1] if lines else "(no message)"
