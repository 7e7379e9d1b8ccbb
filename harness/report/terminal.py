"""The harness's output on pytest's terminal: the table of scenarios, and progress."""

from __future__ import annotations

import os
import sys
import threading
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
    """Progress as lines on pytest's terminal, past pytest's capture.

    Of xdist's workers only the first one shows progress. A worker has no terminal, so it writes to stderr.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self._terminal = config.pluginmanager.getplugin("terminalreporter")
        self._silent = os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0"
        self._lock = threading.Lock()  # steps come from several threads, and pytest's capture is not made for that

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        if self._silent:
            return
        pause = self._capture.global_and_fixture_disabled() if self._capture else nullcontext()
        with self._lock, pause:
            if self._terminal:
                self._terminal.write_line(f"{what}: {text}")
                self._terminal.flush()
            else:
                sys.stderr.write(f"{what}: {text}\n")
                sys.stderr.flush()
