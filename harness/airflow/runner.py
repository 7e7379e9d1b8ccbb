"""One run: `airflow dags test DAG DATE` by a runner, in a clean metadata database, read and judged.

A runner executes a command as a process would: `process` by a fresh one (process.execute), `warm` by a fork of a
process in which Airflow has started already (warm.client).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.airflow.dagbag import read_dagbag, why_no_run, why_no_task
from harness.airflow.environment import run_environment
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import Server, fresh_database
from harness.airflow.outcome import failure_of
from harness.airflow.preflight import refuse_misleading
from harness.airflow.process import Execute, Finished
from harness.airflow.snapshot import MetadataSnapshot, Run, read_snapshot
from harness.compatibility.find import in_short, of_broken, why_it_failed
from harness.errors import RunRefusedError


@dataclass(frozen=True)
class RunRequest:
    """One run to make in the environment `airflow`.

    `connections` by id, `extra` are further variables; `home` is a folder of this run's own.
    """

    airflow: AirflowEnvironment
    dag_id: str
    date: str
    dags_folder: Path
    home: Path
    connections: Mapping[str, str]
    extra: Mapping[str, str]
    conf: Mapping[str, Any] | None
    timeout: float
    metadata_url: str | None = None
    """A database to run in; None: a clean one of the run's own."""
    graph: bool = False
    """Whether the DAG's graph is wanted although the database does not hold it (2.11): then the folder is read."""


def run_dag(request: RunRequest, server: Server, execute: Execute) -> Run:
    """`airflow dags test DAG DATE` in a clean metadata database, or the request's.

    Raises RunRefusedError where the run would mislead (then Airflow was not started, or found nothing to run), RunError
    where what it left contradicts itself.
    """
    database = nullcontext(request.metadata_url) if request.metadata_url else fresh_database(request.airflow, server)
    with database as metadata_url:
        env = run_environment(
            request.airflow.python, request.home, request.dags_folder, metadata_url, request.connections, request.extra
        )
        refuse_misleading(request.dags_folder, request.date, env)
        command = request.airflow.airflow("dags", "test", request.dag_id, request.date)
        if request.conf is not None:
            command += ["--conf", json.dumps(request.conf)]
        finished = execute(command, env, request.home, request.home / "run.log", request.timeout)
        recorded = read_snapshot(metadata_url, request.dag_id, finished.log)
        failure = failure_of(finished, recorded, request.timeout)
        if failure and finished.exit_code is not None:
            failure = _explained(failure, request, finished, recorded, env, execute)
        edges = recorded.edges
        if edges is None and request.graph and recorded.tasks:
            edges = _edges_in_folder(request, env, execute)
    return Run(
        dag_id=request.dag_id,
        date=request.date,
        state=recorded.state,
        exit_code=finished.exit_code,
        tasks=recorded.tasks,
        xcoms=recorded.xcoms,
        log=finished.log,
        seconds=finished.seconds,
        failure=failure,
        dag_files=recorded.dag_files,
        edges=edges,
    )


def _edges_in_folder(
    request: RunRequest, env: Mapping[str, str], execute: Execute
) -> tuple[tuple[str, str], ...] | None:
    folder = read_dagbag(request.airflow, request.dags_folder, env, request.home, request.timeout, execute)
    facts = folder.dags.get(request.dag_id) if folder else None
    return tuple((before, after) for before, after in facts.edges) if facts else None


def _explained(
    failure: str,
    request: RunRequest,
    finished: Finished,
    recorded: MetadataSnapshot,
    env: Mapping[str, str],
    execute: Execute,
) -> str:
    """A run that did nothing says little: the folder tells why. Raises RunRefusedError where the DAG isn't in it."""
    if recorded.tasks:
        file = recorded.dag_files.get(request.dag_id)
        hint = why_it_failed(request.airflow, request.dags_folder, Path(file) if file else None, finished.log)
        return f"{failure}; {hint}" if hint else failure
    folder = read_dagbag(request.airflow, request.dags_folder, env, request.home, request.timeout, execute)
    if folder is None:
        return failure
    if recorded.state is None and (reason := why_no_run(folder, request.dag_id, request.dags_folder)):
        found = in_short(of_broken(request.airflow, folder, request.dags_folder))
        raise RunRefusedError("; ".join(filter(None, (reason, found))))
    return why_no_task(folder, request.dag_id, request.date) if finished.exit_code == 0 else failure
