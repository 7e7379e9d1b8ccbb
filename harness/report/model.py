"""A test session as plain data, as in report.json; all other formats are made from it.

Its runs are harness.run.Run. Times are UTC, durations are seconds, sizes are bytes. Secrets in every text are masked.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.run import Run

SCHEMA_VERSION = 2
"""Increases when a field changes its meaning or is removed, but not when a field is added."""

Outcome = Literal["passed", "failed", "not run"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Image(_Data):
    """An image of the engine: the version of its software, and the reference for `docker run`."""

    version: str
    reference: str


class Versions(_Data):
    """Versions of a session's components. `providers` by distribution, `images` by name."""

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
    """Warnings and errors of a task's newest attempt; of the whole run if `task_id` is None.

    `exception` is the exception that ended the attempt, without its traceback.
    """

    task_id: str | None
    attempt: int | None
    lines: tuple[str, ...]
    exception: str | None = None


class ReportedRun(_Data):
    """An attempt at a run, with log excerpts and its files in the report's folder.

    `trouble` is empty unless the scenario or the run failed. Without `--harness-report` the run has no log, no XComs,
    and no evidence unless the scenario failed; `dag_files` is always empty.
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
    """One scenario. `reason`: why it was not run; `failure`: why it failed, in one line.

    `place` is the file and line of the test where it failed, `check` what pytest shows of a failed check: the source,
    the compared values and their difference.
    """

    node_id: str
    title: str
    outcome: Outcome
    seconds: float
    reason: str | None = None
    failure: str | None = None
    place: str | None = None
    check: str | None = None
    runs: tuple[ReportedRun, ...] = ()
    services: tuple[ServiceLines, ...] = ()
    stack_id: str | None = None

    @property
    def dags(self) -> str:
        """The ids of the DAGs of its runs, also of refused ones, or `-`, for a table."""
        return ", ".join(dict.fromkeys(one.run.dag_id for one in self.runs)) or "-"

    @property
    def cause(self) -> str | None:
        """The exception of the task that failed first, if its run failed the scenario.

        In other cases, `failure`.
        """
        for one in reversed(self.runs):
            if one.run.failure and one.run.failure in (self.failure or ""):
                raised = (f"{log.task_id}: {log.exception.splitlines()[0]}" for log in one.trouble if log.exception)
                return next(raised, self.failure)
        return self.failure

    @property
    def dates(self) -> str:
        """The run's date, `first .. last` of several dates, or `-`."""
        dates = list(dict.fromkeys(one.run.date for one in self.runs))
        return dates[0] if len(dates) == 1 else f"{dates[0]} .. {dates[-1]}" if dates else "-"


class Part(_Data):
    """A scenario with its stack and versions, as sent by the process that ran the scenario."""

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
