"""The harness's output on pytest's terminal: the table of scenarios, and progress."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from rich.console import Console
from rich.markup import escape

from harness.progress import Progress
from harness.report.model import Scenario
from harness.tables import plain_table

PROGRESS = pytest.StashKey[Progress]()
"""Receives the progress of long work if pytest's terminal doesn't, as in `harness run`."""


def scenario_table(scenarios: Sequence[Scenario], terminal: Any) -> None:
    """Print the table into pytest's summary."""
    table = plain_table("scenario", "DAG", "date", "result", "seconds", numbers=("seconds",))
    for scenario in sorted(scenarios, key=lambda scenario: scenario.title):
        result = "FAILED" if scenario.outcome == "failed" else scenario.outcome
        table.add_row(
            escape(scenario.title),
            escape(scenario.dags),
            escape(scenario.dates),
            result,
            f"{scenario.seconds:.1f}",
        )
    console = Console(file=terminal._tw._file, width=max(terminal._tw.fullwidth, 100), no_color=True)
    terminal.section("scenarios", "=")
    console.print(table)


class TerminalProgress:
    """Progress as plain lines on stderr that pytest doesn't capture."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        pause = self._capture.global_and_fixture_disabled() if self._capture else nullcontext()
        with pause:
            sys.stderr.write(f"{what}: {text}\n")
            sys.stderr.flush()
