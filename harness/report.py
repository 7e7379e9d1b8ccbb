"""What a user sees of scenarios in pytest's own output: the table at the end, and what a failure left."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.second_try import NOTE
from harness.services.stack import Stack
from harness.world import World

ROW = "harness-scenario"
REMARK = "harness-remark"
SERVICE_LINES = 15
LOG_LINES = 100


@dataclass(frozen=True)
class ScenarioRow:
    """One line of the table. `date` is the run's date, or `first .. last` of several."""

    scenario: str
    dag: str
    date: str
    result: str
    seconds: float

    @classmethod
    def of(cls, name: str, world: World | None, report: pytest.TestReport) -> ScenarioRow:
        """`world` is None where the scenario did not come as far as having one."""
        attempts = world.attempts if world else []
        dags = list(dict.fromkeys(dag_id for dag_id, _ in attempts))
        dates = list(dict.fromkeys(date for _, date in attempts))
        shown = dates[0] if len(dates) == 1 else f"{dates[0]} .. {dates[-1]}" if dates else "-"
        result = "passed" if report.passed else "not run" if report.skipped else "FAILED"
        title = name.removeprefix("test_").replace("_", " ").replace("[", " [")
        return cls(title, ", ".join(dags) or "-", shown, result, report.duration)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def row_of(properties: Mapping[str, Any]) -> ScenarioRow | None:
    """The line of the table that a report carries; None where it carries none."""
    if ROW not in properties:
        return None
    row = ScenarioRow(**properties[ROW])
    if NOTE in properties:
        return replace(row, result=f"{row.result} (second try)")
    return row


def scenario_table(rows: list[ScenarioRow], terminal: Any) -> None:
    """Prints the table into pytest's summary."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in ("scenario", "DAG", "date", "result"):
        table.add_column(heading, overflow="fold")
    table.add_column("seconds", justify="right")
    for row in sorted(rows, key=lambda row: row.scenario):
        table.add_row(escape(row.scenario), escape(row.dag), escape(row.date), row.result, f"{row.seconds:.1f}")
    console = Console(file=terminal._tw._file, width=max(terminal._tw.fullwidth, 100), no_color=True)
    terminal.section("scenarios", "=")
    console.print(table)


def show_remarks(remarks: list[str], terminal: Any) -> None:
    """What scenarios had to say, under the table."""
    for remark in dict.fromkeys(remarks):
        terminal.write_line(remark)


def failure_sections(world: World) -> list[tuple[str, str]]:
    """Titles and texts for pytest's report: the run's log, each sidecar, the last lines of each service."""
    sections: list[tuple[str, str]] = []
    for run, evidence in world.runs[-1:]:
        log = "\n".join(run.log.splitlines()[-LOG_LINES:])
        sections.append((f"log of {run.dag_id} {run.date} (exit code {run.exit_code})", log))
        for sidecar in evidence.sidecars:
            past = ", started past the relay" if sidecar.past_relay else ""
            title = f"sidecar {sidecar.image} (exit code {sidecar.exit_code}{past})"
            sections.append((title, "\n".join(sidecar.output.splitlines()[-SERVICE_LINES:])))
        unproved = "\n".join(f"{one.image} {one.name}" for one in evidence.unproved)
        sections.append(("containers of others, or not proved to be this run's: left alone", unproved))
    for service in world.stack.services:
        sections.append((f"last lines of {service.name}", service.log_tail(SERVICE_LINES)))
    return [(title, text) for title, text in sections if text]


def mask_report(report: pytest.TestReport, stack: Stack) -> None:
    """Takes the stack's secrets out of all that a report shows or writes to JUnit."""
    report.sections = [(title, stack.mask(text)) for title, text in report.sections]
    shown = report.longreprtext
    if stack.mask(shown) != shown:
        report.longrepr = stack.mask(shown)


class TerminalProgress:
    """Plain lines on stderr, past pytest's capture."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture

    def step(self, image: str, text: str) -> None:
        pause = self._capture.global_and_fixture_disabled() if self._capture else nullcontext()
        with pause:
            sys.stderr.write(f"{image}: {text}\n")
            sys.stderr.flush()
