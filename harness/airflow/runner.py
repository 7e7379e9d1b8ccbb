"""One run: `airflow dags test DAG DATE` by a runner, in a clean metadata database, read and judged.

The package `runners` has the two ways to run the command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.airflow.environment import run_environment
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.folder import read_folder, why_no_run, why_no_task
from harness.airflow.judge import failure_of
from harness.airflow.metadata import Server, fresh_database
from harness.airflow.preflight import refuse_misleading
from harness.airflow.run import Recorded, Run, read_recorded
from harness.airflow.runners import Execute, ProcessResult
from harness.errors import RunRefusedError
from harness.obstacles.find import in_short, of_broken, why_it_failed


@dataclass(frozen=True)
class Order:
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


def run_dag(order: Order, server: Server, execute: Execute) -> Run:
    """`airflow dags test DAG DATE` in a clean metadata database, or the order's.

    Raises RunRefusedError where the run would mislead (then Airflow was not started, or found nothing to run), RunError
    where what it left contradicts itself.
    """
    database = nullcontext(order.metadata_url) if order.metadata_url else fresh_database(order.airflow, server)
    with database as metadata_url:
        env = run_environment(
            order.airflow.python, order.home, order.dags_folder, metadata_url, order.connections, order.extra
        )
        refuse_misleading(order.dags_folder, order.date, env)
        command = order.airflow.airflow("dags", "test", order.dag_id, order.date)
        if order.conf is not None:
            command += ["--conf", json.dumps(order.conf)]
        finished = execute(command, env, order.home, order.home / "run.log", order.timeout)
        recorded = read_recorded(metadata_url, order.dag_id, finished.log)
        failure = failure_of(finished, recorded, order.timeout)
        if failure and finished.exit_code is not None:
            failure = _explained(failure, order, finished, recorded, env, execute)
        edges = recorded.edges
        if edges is None and order.graph and recorded.tasks:
            edges = _edges_in_folder(order, env, execute)
    return Run(
        dag_id=order.dag_id,
        date=order.date,
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


def _edges_in_folder(order: Order, env: Mapping[str, str], execute: Execute) -> tuple[tuple[str, str], ...] | None:
    folder = read_folder(order.airflow, order.dags_folder, env, order.home, order.timeout, execute)
    facts = folder.dags.get(order.dag_id) if folder else None
    return tuple((before, after) for before, after in facts.edges) if facts else None


def _explained(
    failure: str, order: Order, finished: ProcessResult, recorded: Recorded, env: Mapping[str, str], execute: Execute
) -> str:
    """A run that did nothing says little: the folder tells why. Raises RunRefusedError where the DAG isn't in it."""
    if recorded.tasks:
        file = recorded.dag_files.get(order.dag_id)
        hint = why_it_failed(order.airflow, order.dags_folder, Path(file) if file else None, finished.log)
        return f"{failure}; {hint}" if hint else failure
    folder = read_folder(order.airflow, order.dags_folder, env, order.home, order.timeout, execute)
    if folder is None:
        return failure
    if recorded.state is None and (reason := why_no_run(folder, order.dag_id, order.dags_folder)):
        found = in_short(of_broken(order.airflow, folder, order.dags_folder))
        raise RunRefusedError("; ".join(filter(None, (reason, found))))
    return why_no_task(folder, order.dag_id, order.date) if finished.exit_code == 0 else failure
