"""`harness list`: list the DAGs of a folder, and why a file does not load."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from harness.airflow.dagbag import DagBag, group_errors, summarise_errors
from harness.airflow.find import find_airflow
from harness.airflow.preflight import check_folder
from harness.compatibility import ruff_rules
from harness.compatibility.finding import CompatibilityFinding, format_files
from harness.dag_reading import find_compatibility, read_dags
from harness.images.catalogue import BUILT_IN
from harness.progress import announce, show_progress
from harness.services.session import ServiceSession
from harness.settings import Settings
from harness.tables import plain_table

BROKEN = 1


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("list", help="list the DAGs, and why a file does not load")
    parser.add_argument("--dags-folder", metavar="PATH", help="folder of the DAGs under test")
    parser.add_argument("--airflow-python", metavar="PATH", help="the interpreter that reads the DAGs")
    parser.add_argument("--airflow-image", metavar="REF", help="read the DAGs in this Airflow image, or build:RELEASE")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    names = ("dags_folder", "airflow_python", "airflow_image")
    settings = Settings.load(root, BUILT_IN, {name: getattr(chosen, name) for name in names})
    check_folder(settings.dags_folder)
    with show_progress() as progress, announce(progress, "Airflow", f"reading {settings.dags_folder}"):
        airflow = find_airflow(settings, ServiceSession(root, None).labels, progress)
        folder = read_dags(airflow, settings)
    findings = find_compatibility(folder, airflow, settings.dags_folder)
    if chosen.json:
        dags = {dag_id: asdict(facts) for dag_id, facts in folder.dags.items()}
        found = {"dags": dags, "errors": summarise_errors(folder), "findings": [asdict(each) for each in findings]}
        print(json.dumps(found, indent=1))
    else:
        _show(Console(width=None if Console().is_terminal else 160), settings.dags_folder, folder, findings)
    if folder.errors and airflow.major >= 3 and not ruff_rules.is_installed():
        print(ruff_rules.MISSING, file=sys.stderr)
    return BROKEN if folder.errors else 0


def _show(console: Console, dags_folder: Path, folder: DagBag, findings: Sequence[CompatibilityFinding]) -> None:
    table = plain_table("DAG", "schedule", "start", "end", "file")
    for dag_id, facts in sorted(folder.dags.items()):
        file = Path(facts.file)
        shown = file.relative_to(dags_folder) if file.is_relative_to(dags_folder) else file
        dates = ((moment or "-").removesuffix("T00:00:00+00:00") for moment in (facts.start, facts.end))
        table.add_row(escape(dag_id), escape(facts.schedule), *dates, escape(str(shown)))
    console.print(table)
    for error, files in group_errors(folder).items():
        console.print(f"broken: {format_files(files)}: {error}", highlight=False, markup=False, soft_wrap=True)
    for one in findings:
        console.print(str(one), highlight=False, markup=False, soft_wrap=True)
