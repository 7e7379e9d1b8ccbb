"""What one `airflow dags test` did, as plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TaskResult:
    """One task instance. `duration` in seconds, None where it never started; `tries` counts started attempts.

    `start` and `end` are those of the newest attempt.
    """

    task_id: str
    state: str | None
    tries: int
    duration: float | None
    start: dt.datetime | None = None
    end: dt.datetime | None = None


@dataclass(frozen=True)
class RunFacts:
    """What one run of one DAG for one date did."""

    dag_id: str
    date: str
    state: str | None = None
    """What the metadata database says; None if Airflow made no run."""
    exit_code: int | None = None
    """Of `airflow dags test`; None if the run timed out."""
    tasks: Mapping[str, TaskResult] = field(default_factory=dict)
    """By task id; mapped tasks as `task[0]`."""
    xcoms: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    """Decoded values by task id and key."""
    log: str = ""
    seconds: float = 0.0
    failure: str | None = None
    """One line; None for a run that did its work."""
    dag_files: Mapping[str, str] = field(default_factory=dict)
    """The file of every DAG in the folder. Empty under 2.11, where such a run does not record them."""
    edges: tuple[tuple[str, str], ...] | None = None
    """The DAG's graph, each edge from a task to one downstream of it; None if it is not known."""
