"""Read a dags folder with Airflow's own DagBag, which costs one start of Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.inside.read_dags import MARK
from harness.airflow.runners import Execute


@dataclass(frozen=True)
class DagFacts:
    """A DAG's file, dates (ISO, None: open), graph and schedule (a cron expression or words)."""

    file: str
    start: str | None
    end: str | None
    edges: Sequence[Sequence[str]] = ()
    schedule: str = ""


@dataclass(frozen=True)
class DagBag:
    """The DAGs of a folder, its broken files, and its imports from Airflow that fail.

    `dags` is by id. `errors` has the traceback of each broken file. `missing_imports` has line, qualified name and
    error of each import that fails, by file.
    """

    dags: Mapping[str, DagFacts]
    errors: Mapping[str, str]
    missing_imports: Mapping[str, Sequence[tuple[int, str, str]]] = field(default_factory=dict)


def read_dagbag(
    airflow: AirflowEnvironment,
    dags_folder: Path,
    env: Mapping[str, str],
    work_dir: Path,
    timeout: float,
    execute: Execute,
) -> DagBag | None:
    """Return the folder's DAGs; None if Airflow failed: see `work_dir`/dagbag.log."""
    command = airflow.inside("read_dags", str(dags_folder))
    result = execute(command, env, work_dir, work_dir / "dagbag.log", timeout)
    for line in result.log.splitlines():
        if line.startswith(MARK):
            content = json.loads(line.removeprefix(MARK))
            dags = {dag_id: DagFacts(**facts) for dag_id, facts in content["dags"].items()}
            return DagBag(dags, content["errors"], content.get("missing_imports", {}))
    return None


def summarise_errors(bag: DagBag) -> dict[str, str]:
    """Map each broken file to the error and the last frame of its traceback."""
    return {file: _summarise(trace) for file, trace in sorted(bag.errors.items())}


def group_errors(bag: DagBag) -> dict[str, list[str]]:
    """Map each error to the files that it breaks.

    An error of one file has the last frame of its traceback.
    """
    groups: dict[str, list[str]] = {}
    for file, trace in sorted(bag.errors.items()):
        groups.setdefault(_summarise(trace).partition(" (File ")[0], []).append(file)
    return {_summarise(bag.errors[files[0]]) if len(files) == 1 else error: files for error, files in groups.items()}


def _summarise(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    frames = [line for line in lines if line.startswith("File ")]
    return f"{lines[-1]} ({frames[-1]})" if frames else lines[-1] if lines else "(no message)"
