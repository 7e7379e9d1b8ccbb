"""`harness doctor`: check whether this machine can run scenarios."""

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
    engine.check_engine,
    machine.check_ports,
    machine.check_disk,
    machine.check_memory,
    python.check_python,
    python.check_airflow,
    python.check_locks,
    machine.check_clock,
)
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("doctor", help="check whether this machine can run scenarios, and say what to fix")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--offline", action="store_true", help="contact no image registry")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    settings = Settings.load(root, BUILT_IN)
    checks = CHECKS if chosen.offline else (*CHECKS, engine.check_registries)
    findings = [finding for check in checks for finding in check(settings)]
    if chosen.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    elif (console := Console()).is_terminal:
        console.print(_create_table(findings))
    else:
        for finding in findings:
            todo = f" - {finding.todo}" if finding.todo else ""
            print(f"{finding.status}: {finding.check}: {finding.found}{todo}")
    return FAILED if any(finding.status == "fail" for finding in findings) else 0


def _create_table(findings: Sequence[Finding]) -> Table:
    table = plain_table("", "check", "found", "to do")
    for finding in findings:
        status = f"[{COLOURS[finding.status]}]{finding.status}[/]"
        table.add_row(status, finding.check, escape(finding.found), escape(finding.todo))
    return table
