"""A test session as plain data. report.json is this; the page, the summary, the table and pytest's sections show it.

Its runs are harness.run.Run. Times are UTC, seconds are seconds, sizes are bytes. Every text is masked before it gets
here.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.run import Run

SCHEMA_VERSION = 2
"""Goes up when a field changes its meaning or goes away; fields may be added under the same one."""

Outcome = Literal["passed", "failed", "not run"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


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


class TaskLog(_Data):
    """The lines of a task's newest attempt that tell of trouble. `task_id` None: those of the whole run."""

    task_id: str | None
    attempt: int | None
    lines: tuple[str, ...]


class ReportedRun(_Data):
    """An attempt at a run, and what the report adds: excerpts of its log, and the files that lie beside the page.

    `trouble` is there if the scenario or the run failed. Without `--harness-report` the run has no log, no XComs, and
    no evidence unless the scenario failed; `dag_files` is always left out.
    """

    run: Run
    trouble: tuple[TaskLog, ...] = ()
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
    runs: tuple[ReportedRun, ...] = ()
    services: tuple[ServiceLines, ...] = ()
    stack_id: str | None = None

    @property
    def dags(self) -> str:
        """The DAGs that it ran, or was refused, for a table."""
        return ", ".join(dict.fromkeys(one.run.dag_id for one in self.runs)) or "-"

    @property
    def dates(self) -> str:
        """The run's date, or `first .. last` of several."""
        dates = list(dict.fromkeys(one.run.date for one in self.runs))
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
