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
    """One run of one DAG for one date.

    `state` is what the metadata database says, None where Airflow made no run. `tasks` by task id (mapped tasks as
    `task[0]`), `xcoms` by (task id, key), decoded. `failure` is None for a run that did its work, else one line.
    `dag_files` has the file of every DAG in the folder; nothing under 2.11, where such a run doesn't record them.
    `edges` is the DAG's graph, each edge from a task to one downstream of it; None where it is not known.
    """

    dag_id: str
    date: str
    state: str | None = None
    exit_code: int | None = None
    tasks: Mapping[str, TaskResult] = field(default_factory=dict)
    xcoms: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    log: str = ""
    seconds: float = 0.0
    failure: str | None = None
    dag_files: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[tuple[str, str], ...] | None = None
