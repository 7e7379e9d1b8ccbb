"""Measuring rows, and keeping what came of it: a JSON file and a Markdown table."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks import table
from benchmarks.figures import Line, as_json, from_json
from benchmarks.inner import WORK
from benchmarks.rows import Row


@dataclass(frozen=True)
class Measured:
    """`failed` maps the number of a row that could not be measured to the reason."""

    machine: str
    lines: list[Line]
    failed: dict[str, str]


def measure(rows: Sequence[Row], quick: bool) -> Iterator[Measured]:
    """Measures row after row, and yields what there is so far after each: all of it is long to lose.

    One that fails doesn't keep the others from being measured.
    """
    where = machine()  # its load is that of the neighbours: nothing of ours runs yet
    lines: list[Line] = []
    failed: dict[str, str] = {}
    for row in rows:
        print(f"row {row.number}: {row.title} ...", end=" ", flush=True)
        began = time.monotonic()
        try:
            function = row.quick if quick and row.quick else row.measure
            found = function(row.quick_turns if quick else row.turns)
        except Exception as error:  # whatever it is, the other rows are still worth having
            found = []
            failed[str(row.number)] = f"{type(error).__name__}: {error}"
        told = ", ".join(table.figure(line) for line in found) or "could not be measured"
        print(f"{told} [{time.monotonic() - began:.0f} s]")
        lines += found
        yield Measured(where, lines, failed)


def machine() -> str:
    """One line: when, on what, with which versions."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    versions = f"Airflow {metadata.version('apache-airflow')}, Python {platform.python_version()}"
    return f"{now}, {os.cpu_count()} cores, {sys.platform}, load {load:.1f}, {versions}"


def keep(measured: Measured, file: Path) -> None:
    """Writes `file` as JSON and the table as Markdown beside it."""
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
