"""Measure rows and write the results: a JSON file and a Markdown table."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import table
from benchmarks.airflow_lines import python_of
from benchmarks.figures import Line, as_json, from_json
from benchmarks.inner import WORK
from benchmarks.rows import Row
from harness.airflow.environments import describe


@dataclass(frozen=True)
class Measured:
    """The results. `failed`: number of a row that could not be measured -> reason."""

    machine: str
    lines: list[Line]
    failed: dict[str, str]


def measure(rows: Sequence[Row], quick: bool) -> Iterator[Measured]:
    """Measure row by row, and yield all results so far after each row.

    A row that fails doesn't stop the others.
    """
    where = machine()  # Before any row runs, so the load is that of other processes.
    lines: list[Line] = []
    failed: dict[str, str] = {}
    for row in rows:
        print(f"row {row.number}: {row.title} ...", end=" ", flush=True)
        began = time.monotonic()
        try:
            function = row.quick if quick and row.quick else row.measure
            measured = function(row.quick_turns if quick else row.turns)
        except Exception as error:  # Any failure must leave the other rows' results.
            measured = []
            failed[str(row.number)] = f"{type(error).__name__}: {error}"
        figures = ", ".join(table.figure(line) for line in measured) or "could not be measured"
        print(f"{figures} [{time.monotonic() - began:.0f} s]")
        lines += measured
        yield Measured(where, lines, failed)


def machine() -> str:
    """Describe date, machine and versions in one line."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    airflow = describe(python_of("3.3"))
    versions = (
        f"Airflow {airflow.airflow_version} on Python {airflow.python_version}, Python {platform.python_version()}"
    )
    return f"{now}, {os.cpu_count()} cores, {sys.platform}, load {load:.1f}, {versions}"


def keep(measured: Measured, file: Path) -> None:
    """Write the results to `file` as JSON, and the table as Markdown next to `file`."""
    WORK.mkdir(parents=True, exist_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": measured.machine,
        "lines": [as_json(line) for line in measured.lines],
        "failed": measured.failed,
    }
    file.write_text(json.dumps(content, indent=1) + "\n")
    table.write_markdown(file.with_suffix(".md"), measured.lines, measured.failed, measured.machine)


def read(file: Path) -> Measured:
    content = json.loads(file.read_text())
    return Measured(content["machine"], [from_json(entry) for entry in content["lines"]], content["failed"])
