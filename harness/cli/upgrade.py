"""`harness upgrade`: compare what the DAGs do on two sets of versions.

The command runs the same scenarios on both sets, and shows what changed.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.airflow.preflight import check_date, check_folder
from harness.cli.compare import ACCEPTED_FILE
from harness.cli.scenario_options import add_scenario_options, check_scenario_options, pytest_arguments
from harness.errors import NotComparableError, SettingsError
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings

# Other commands need neither pytest nor the clients of services, which take long to import.
if TYPE_CHECKING:
    from harness.progress import Progress
    from harness.upgrade.check import Plan

REPORT_FOLDER = Path(".harness", "upgrade")


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "upgrade",
        help="run the scenarios on two sets of versions, and compare what the DAGs did",
        description="Run the scenarios on a baseline, on a candidate and on the baseline again, and compare what the "
        "DAGs did. Exit code 1: a regression or a change that is not accepted; 2: not comparable.",
    )
    forms = "airflow==3.3.2, python==3.12, PACKAGE==VERSION, a requirements file, airflow-python=PATH or NAME=IMAGE"
    parser.add_argument(
        "--to", metavar="TARGET", action="append", required=True, help=f"what the candidate has: {forms}; repeatable"
    )
    parser.add_argument(
        "--from",
        metavar="TARGET",
        action="append",
        default=[],
        dest="from_",
        help="what the baseline has (default: what the project has now)",
    )
    parser.add_argument("--dags-folder", metavar="PATH", help="folder of the DAGs under test")
    parser.add_argument("--date", metavar="DATE", help="without scenarios: run every DAG of the folder for this date")
    edited = parser.add_mutually_exclusive_group()
    edited.add_argument("--to-dags-folder", metavar="PATH", type=Path, help="folder of the candidate's edited DAGs")
    edited.add_argument("--to-ref", metavar="REF", help="git reference with the candidate's edited DAGs")
    parser.add_argument(
        "--no-repeat", action="store_true", help="run the baseline once: the last check in DIR says what is unstable"
    )
    parser.add_argument("--resolved-at", metavar="DATE", help="take only packages that were uploaded by then")
    parser.add_argument("--constraints", metavar="FILE", help="file or URL of constraints for the packages")
    parser.add_argument(
        "--accepted", metavar="FILE", type=Path, help=f"accepted differences (default: {ACCEPTED_FILE}, if it exists)"
    )
    parser.add_argument(
        "--report", metavar="DIR", type=Path, help=f"report and evidence (default: {REPORT_FOLDER} in the project)"
    )
    add_scenario_options(parser)
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    from harness.compare.text import format_text
    from harness.compare.verdicts import exit_code
    from harness.progress import show_progress
    from harness.upgrade.check import check_upgrade
    from harness.upgrade.write import PAGE, write_report

    check_arguments(chosen)
    folder = chosen.report or root / REPORT_FOLDER
    with show_progress() as progress, make_plan(root, chosen, folder, progress) as plan:
        comparison = check_upgrade(plan, progress)
    write_report(comparison, folder)
    print(format_text(comparison, rest_in=str(folder / PAGE)), end="")
    if comparison.not_comparable is not None:
        raise NotComparableError(f"{comparison.not_comparable} (report: {folder})")
    print(f"report: {folder}")
    return exit_code(comparison)


def check_arguments(chosen: argparse.Namespace) -> None:
    """Check the arguments, before anything is installed.

    Raises SettingsError or RunRefusedError for invalid arguments.
    """
    if chosen.date is not None:
        check_date(chosen.date)
        if chosen.paths:
            raise SettingsError(f"--date runs every DAG, and {chosen.paths[0]} names scenarios: remove one of them")
    if (file := chosen.constraints) and not re.match("https?://", file) and not Path(file).is_file():
        raise SettingsError(f"--constraints {file}: there is no such file: correct its name")
    check_scenario_options(chosen)


@contextmanager
def make_plan(root: Path, chosen: argparse.Namespace, folder: Path, progress: Progress) -> Iterator[Plan]:
    """Yield what to check, with a temporary folder for the DAGs of a git reference.

    Raises HarnessError for what is wrong with the arguments. A side that can't be installed is part of the plan.
    """
    from harness.airflow.making.resolve import Sources, parse_moment
    from harness.airflow.making.targets import merge_targets, parse_target
    from harness.compare.accepted import read_accepted
    from harness.upgrade.check import Plan
    from harness.upgrade.git_ref import dags_of_reference
    from harness.upgrade.prepare import check_wanted, prepare_side
    from harness.upgrade.sides import Scenarios
    from harness.upgrade.write import prepare_folder

    settings = Settings.load(root, BUILT_IN, {"dags_folder": chosen.dags_folder, "stack": chosen.stack})
    check_folder(settings.dags_folder)
    before, after = (merge_targets(map(parse_target, texts)) for texts in (chosen.from_, chosen.to))
    for wanted in (before, after):
        check_wanted(wanted, settings)
    sources = Sources(parse_moment(chosen.resolved_at) if chosen.resolved_at else None, chosen.constraints)
    file = chosen.accepted or (root / ACCEPTED_FILE if (root / ACCEPTED_FILE).exists() else None)
    accepted = read_accepted(file) if file else None
    with ExitStack() as temporary:
        edited = chosen.to_dags_folder and chosen.to_dags_folder.resolve()
        if edited and not edited.is_dir():
            raise SettingsError(f"--to-dags-folder {chosen.to_dags_folder}: there is no such folder: correct its name")
        if chosen.to_ref is not None:
            copy = dags_of_reference(chosen.to_ref, settings.dags_folder, root.resolve(), folder)
            edited = temporary.enter_context(copy)
        if edited:
            check_folder(edited)
        prepare_folder(folder)
        own = settings.dags_folder if chosen.dags_folder else None
        yield Plan(
            settings,
            prepare_side("baseline", before, settings, own, sources, progress),
            prepare_side("candidate", after, settings, edited or own, sources, progress),
            Scenarios(root, pytest_arguments(chosen)),
            folder.absolute(),  # because pytest runs in the project's root
            date=chosen.date,
            repeat=not chosen.no_repeat,
            accepted=accepted,
        )
