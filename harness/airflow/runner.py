"""Execute `airflow dags test DAG DATE`, read the metadata database, judge the outcome.

The package `runners` has the two ways to execute the command.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.airflow.dagbag import read_dagbag
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.facts import RunFacts
from harness.airflow.outcome import judge
from harness.airflow.preflight import refuse_misleading
from harness.airflow.runners import Execute
from harness.airflow.snapshot import find_last_run, read_snapshot
from harness.airflow.stacks import find_place

TEXTS = (".py", ".yaml", ".yml", ".json", ".toml")
"""Suffixes of the files of a dags folder that define DAGs."""


@dataclass(frozen=True)
class RunRequest:
    """A request to run a DAG in the environment `airflow`.

    `env` has all variables of the process, `home` is private to this run. `metadata_url` is the libpq URL of the
    database that `env` names. `graph`: if the database lacks the DAG's graph (up to 3.0), read it from the dags folder.
    """

    airflow: AirflowEnvironment
    dag_id: str
    date: str
    dags_folder: Path
    home: Path
    env: Mapping[str, str]
    metadata_url: str
    timeout: float
    conf: Mapping[str, Any] | None = None
    graph: bool = False
    earlier_runs: bool = False


def run_dag(request: RunRequest, execute: Execute) -> RunFacts:
    """Run `airflow dags test DAG DATE` and return its result, without an explanation.

    Raises RunRefusedError, before Airflow starts, if the run would mislead, and RunError if exit code and metadata
    database contradict each other.
    """
    refuse_misleading(request.dags_folder, request.date, request.env)
    command = request.airflow.dags_test(request.dags_folder, request.dag_id, request.date)
    if request.conf is not None:
        command += ["--conf", json.dumps(request.conf)]
    earlier = find_last_run(request.metadata_url) if request.earlier_runs else 0
    result = execute(command, request.env, request.home, request.home / "run.log", request.timeout)
    snapshot = read_snapshot(request.metadata_url, request.dag_id, result.log, after=earlier)
    edges = snapshot.edges
    if edges is None and request.graph and snapshot.tasks:
        edges = _read_edges(request, execute)
    return RunFacts(
        dag_id=request.dag_id,
        date=request.date,
        state=snapshot.state,
        exit_code=result.exit_code,
        tasks=snapshot.tasks,
        xcoms=snapshot.xcoms,
        log=result.log,
        seconds=result.seconds,
        failure=judge(result, snapshot, request.timeout, find_place(result.log, request.dags_folder)),
        dag_files=snapshot.dag_files,
        run_type=snapshot.run_type,
        logical_date=snapshot.logical_date,
        data_interval=snapshot.data_interval,
        edges=edges,
    )


def read_run_texts(request: RunRequest) -> Iterator[str]:
    """Yield the texts that can name what the run uses.

    The texts are values, configuration and the files of the run's folders. The folder around the dags folder is on the
    Python path of an Astro project, which keeps its modules in `include`.
    """
    yield from request.env.values()
    yield json.dumps(request.conf)
    around = request.dags_folder.parent
    paths = [*request.env.get("PYTHONPATH", "").split(os.pathsep), request.env.get("AIRFLOW__CORE__PLUGINS_FOLDER", "")]
    folders = {request.dags_folder, around / "include", *map(Path, filter(None, paths))} - {around}
    for file in sorted(file for folder in folders for file in folder.rglob("*")):
        if file.suffix in TEXTS and file.is_file():
            yield file.read_text(errors="replace")


def _read_edges(request: RunRequest, execute: Execute) -> tuple[tuple[str, str], ...] | None:
    bag = read_dagbag(request.airflow, request.dags_folder, request.env, request.home, request.timeout, execute)
    facts = bag.dags.get(request.dag_id) if bag else None
    return tuple((before, after) for before, after in facts.edges) if facts else None
