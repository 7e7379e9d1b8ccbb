"""What is in a dags folder, as Airflow itself reads it. Reading costs a start of Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
class DagBag:
    """The DAGs by id, and for each broken file its traceback."""

    dags: Mapping[str, DagFacts]
    errors: Mapping[str, str]


def read_dagbag(
    airflow: AirflowEnvironment,
    dags_folder: Path,
    env: Mapping[str, str],
    work_dir: Path,
    timeout: float,
    execute: Execute,
) -> DagBag | None:
    """None where even reading failed; then the log `dagbag.log` in `work_dir` tells why."""
    done = execute(
        airflow.inside("read_dags", str(dags_folder)),
        env,
        work_dir,
        work_dir / "dagbag.log",
        timeout,
    )
    for line in done.log.splitlines():
        if line.startswith(MARK):
            found = json.loads(line.removeprefix(MARK))
            dags = {dag_id: DagFacts(**facts) for dag_id, facts in found["dags"].items()}
            return DagBag(dags, found["errors"])
    return None


def broken_files(bag: DagBag) -> dict[str, str]:
    """For each broken file the last line of its traceback."""
    return {file: _last_line(trace) for file, trace in sorted(bag.errors.items())}


def _last_line(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    where = [line for line in lines if line.startswith("File ")]
    return f"{lines[-1]} ({where[-1]})" if where else lines[-1] if lines else "(no message)"
