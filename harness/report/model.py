"""A test session as plain data. report.json is this; the page, the summary, the table and pytest's sections show it.

Times are UTC, seconds are seconds, sizes are bytes. Every text is masked before it gets here.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
"""Goes up when a field changes its meaning or goes away; fields may be added under the same one."""

Outcome = Literal["passed", "failed", "not run"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True)


class Image(_Data):
    """An image that the engine had: its software's version, and what `docker run` takes."""

    version: str
    reference: str


class Versions(_Data):
    """What a session ran on. `providers` by distribution, `images` by name."""

    airflow: str
    providers: dict[str, str] = Field(default_factory=dict)
    python: str
    harness: str
    images: dict[str, Image] = Field(default_factory=dict)


class Stack(_Data):
    """The services of one test process; `start_seconds` by service."""

    stack_id: str
    start_seconds: dict[str, float]


class Task(_Data):
    """One task instance; mapped ones are `task[0]`. `start` and `end` are those of the newest attempt."""

    task_id: str
    state: str | None
    tries: int
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    seconds: float | None = None


class TaskLog(_Data):
    """The lines of a task's newest attempt that tell of trouble. `task_id` None: those of the whole run."""

    task_id: str | None
    attempt: int | None
    lines: tuple[str, ...]


class Object(_Data):
    """An object in a bucket of `store`, which is `minio` or `aws` (the twin)."""

    store: str
    bucket: str
    key: str
    size: int
    sha256: str


class Sidecar(_Data):
    """A container that the DAG started. `past_relay`: by an engine that it names itself."""

    image: str
    exit_code: int | None
    output: str
    past_relay: bool = False


class Unproved(_Data):
    """A container that somebody made during the run; nothing proves that it was the DAG, so it was left alone."""

    image: str
    name: str


class Evidence(_Data):
    """What a run left. `aws` is harness.evidence.aws_state.AwsState as JSON, without its objects."""

    objects: tuple[Object, ...] = ()
    buckets: tuple[str, ...] = ()
    aws: dict[str, Any] = Field(default_factory=dict)
    sidecars: tuple[Sidecar, ...] = ()
    warnings: tuple[str, ...] = ()
    unproved: tuple[Unproved, ...] = ()


class Run(_Data):
    """One `airflow dags test`. `refused`: Airflow was not started, or nothing came back; then there is no more of it.

    `edges` is None where the DAG's graph is not known. `log` and `evidence` are there with `--report` alone, `trouble`
    and the evidence also where the scenario failed. The files lie beside the page.
    """

    dag_id: str
    date: str
    refused: bool = False
    state: str | None = None
    exit_code: int | None = None
    seconds: float | None = None
    failure: str | None = None
    tasks: tuple[Task, ...] = ()
    edges: tuple[tuple[str, str], ...] | None = None
    trouble: tuple[TaskLog, ...] = ()
    log: str | None = None
    evidence: Evidence | None = None
    log_file: str | None = None
    evidence_file: str | None = None


class ServiceLines(_Data):
    """The last lines that a service printed."""

    name: str
    lines: tuple[str, ...]


class Scenario(_Data):
    """One scenario. `reason` says why it was not run, `failure` is one line."""

    node_id: str
    title: str
    outcome: Outcome
    seconds: float
    reason: str | None = None
    failure: str | None = None
    runs: tuple[Run, ...] = ()
    services: tuple[ServiceLines, ...] = ()
    stack_id: str | None = None

    @property
    def dags(self) -> str:
        """The DAGs that it ran, or was refused, for a table."""
        return ", ".join(dict.fromkeys(run.dag_id for run in self.runs)) or "-"

    @property
    def dates(self) -> str:
        """The run's date, or `first .. last` of several."""
        dates = list(dict.fromkeys(run.date for run in self.runs))
        return dates[0] if len(dates) == 1 else f"{dates[0]} .. {dates[-1]}" if dates else "-"


class Part(_Data):
    """What the process that ran a scenario tells of it."""

    scenario: Scenario
    stack: Stack | None = None
    versions: Versions


class Session(_Data):
    """A whole test session."""

    schema_version: int = SCHEMA_VERSION
    started: dt.datetime
    seconds: float
    versions: Versions
    stacks: tuple[Stack, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    remarks: tuple[str, ...] = ()

    def count(self, outcome: Outcome) -> int:
        return sum(scenario.outcome == outcome for scenario in self.scenarios)
