"""`harness matrix`: run scenarios on named combinations of versions, and show one table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli.scenario_options import add_scenario_options, check_scenario_options, pytest_arguments
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings

REPORT_FOLDER = Path(".harness", "matrix")


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "matrix",
        help="run the scenarios on named combinations of versions, and show one table",
        description="Run the scenarios once on each combination that pyproject's [tool.harness.matrix] declares. Exit "
        "code 1: a scenario failed, or a combination has no results.",
    )
    parser.add_argument("--matrix", metavar="FILE", type=Path, help="TOML file with the combinations, each one a table")
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="run this combination; may be repeated"
    )
    parser.add_argument(
        "--report", metavar="DIR", type=Path, help=f"table and evidence (default: {REPORT_FOLDER} in the project)"
    )
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    add_scenario_options(parser)
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    from harness.upgrade.combinations import read_combinations

    check_scenario_options(chosen)
    settings = Settings.load(root, BUILT_IN, {"stack": chosen.stack})
    combinations = read_combinations(settings, chosen.matrix, chosen.only)

    # pytest and the clients of services take long to import, which an error does not wait for.
    from rich.console import Console

    from harness.output import output_errors, write
    from harness.progress import show_progress
    from harness.upgrade.matrix_table import format_markdown, print_matrix
    from harness.upgrade.run_matrix import run_matrix
    from harness.upgrade.sides import Scenarios
    from harness.upgrade.write import REPORT, prepare_folder

    folder = (chosen.report or root / REPORT_FOLDER).resolve()  # pytest runs in another folder
    prepare_folder(folder)
    with show_progress() as progress:
        matrix = run_matrix(settings, combinations, Scenarios(root, pytest_arguments(chosen)), folder, progress)
    with output_errors(REPORT, folder):
        write(folder / "matrix.json", matrix.model_dump_json(indent=1) + "\n")
        write(folder / "matrix.md", format_markdown(matrix))
    if chosen.json:
        print(matrix.model_dump_json(indent=1))
    else:
        print_matrix(matrix, Console(width=None if Console().is_terminal else 160))
        print(f"report: {folder}")
    return matrix.exit_code
