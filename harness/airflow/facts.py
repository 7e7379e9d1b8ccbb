"""The result of one `airflow dags test` as plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TaskResult:
    """The newest attempt of one task instance.

    `duration` is in seconds, None if the task never started. `tries` counts the started attempts.
    """

    task_id: str
    state: str | None
    tries: int
    duration: float | None
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    operator: str | None = None
    """Name of the operator's class."""
    rendered: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Template fields as Airflow stores them after rendering; empty for a task that was not executed."""


@dataclass(frozen=True)
class RunFacts:
    """The result of one run of one DAG for one date."""

    dag_id: str
    date: str
    state: str | None = None
    """The run's state in the metadata database; None if Airflow created no run."""
    exit_code: int | None = None
    """Exit code of `airflow dags test`; None if the run timed out."""
    tasks: Mapping[str, TaskResult] = field(default_factory=dict)
    """Task instances by task id; mapped tasks as `task[0]`."""
    xcoms: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    """Decoded values by task id and key."""
    log: str = ""
    seconds: float = 0.0
    failure: str | None = None
    """Reason of the failure in one line; None if the run succeeded."""
    dag_files: Mapping[str, str] = field(default_factory=dict)
    """DAG id -> file, for every DAG in the folder. Empty up to Airflow 3.0, which records no files."""
    run_type: str | None = None
    """How Airflow classifies the run, e.g. `manual`."""
    logical_date: dt.datetime | None = None
    data_interval: tuple[dt.datetime | None, dt.datetime | None] = (None, None)
    """Start and end."""
    edges: tuple[tuple[str, str], ...] | None = None
    """The DAG's graph, each edge from a task to a downstream task; None if the graph is unknown."""
