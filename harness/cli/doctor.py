"""`harness doctor`: whether this machine can run scenarios."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.doctor import engine, machine, python
from harness.doctor.finding import Finding
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings
from harness.tables import plain_table

FAILED = 1
CHECKS = (
    engine.engine,
    machine.ports,
    machine.disk,
    machine.memory,
    python.python,
    python.airflow,
    python.locks,
    machine.clock,
)
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("doctor", help="whether this machine can run scenarios, and what to do where not")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--offline", action="store_true", help="ask no image registry")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    settings = Settings.load(root, BUILT_IN)
    checks = CHECKS if chosen.offline else (*CHECKS, engine.registries)
    findings = [finding for check in checks for finding in check(settings)]
    if chosen.json:
        print(json.dumps([asdict(one) for one in findings], indent=1))
    elif (console := Console()).is_terminal:
        console.print(_table(findings))
    else:
        for one in findings:
            print(f"{one.status}: {one.check}: {one.found}{f' - {one.todo}' if one.todo else ''}")
    return FAILED if any(one.status == "fail" for one in findings) else 0


def _table(findings: Sequence[Finding]) -> Table:
    table = plain_table("", "what", "found", "to do")
    for one in findings:
        table.add_row(f"[{COLOURS[one.status]}]{one.status}[/]", one.check, escape(one.found), escape(one.todo))
    return table
