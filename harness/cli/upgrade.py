"""`harness upgrade`: run the same scenarios on two sets of versions, and show what changed in what the DAGs did."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from harness.airflow.preflight import check_date, check_folder
from harness.errors import SettingsError
from harness.images.catalogue import BUILT_IN
from harness.settings import Runner, Settings, StackChoice, Waits

DEFAULT_REPORT = Path(".harness/upgrade")


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("upgrade", help="run the scenarios on two sets of versions, and compare what the DAGs did")
    parser.add_argument("paths", metavar="PATHS", nargs="*", help="files or folders with scenarios (default: as pytest)")
    versions = "airflow==3.3.2, python==3.12, PACKAGE==VERSION, a requirements file, NAME=IMAGE, airflow-python=PATH"
    parser.add_argument("--to", metavar="T", action="append", required=True, help=f"of the candidate: {versions}; may be repeated")
    parser.add_argument(
        "--from", metavar="T", action="append", default=[], dest="from_", help="of the baseline (default: as the project is)"
    )
    parser.add_argument("--dags-folder", metavar="PATH", help="folder of the DAGs under test")
    parser.add_argument("--date", metavar="DATE", help="run every DAG of the folder for this date instead of scenarios")
    edited = parser.add_mutually_exclusive_group()
    edited.add_argument("--to-dags-folder", metavar="PATH", type=Path, help="the candidate's DAGs")
    edited.add_argument("--to-ref", metavar="REF", help="the candidate's DAGs, as this git reference has them")
    parser.add_argument(
        "--no-repeat", action="store_true", help="don't run the baseline twice: use the unstable fields of an earlier check"
    )
    parser.add_argument("--resolved-at", metavar="DATE", help="use the packages of this day")
    parser.add_argument("--constraints", metavar="FILE", help="file or URL of constraints for the packages")
    parser.add_argument("--accepted", metavar="FILE", type=Path, help="accepted differences (default: accepted.toml)")
    parser.add_argument("--report", metavar="DIR", type=Path, help=f"the report and evidence (default: {DEFAULT_REPORT})")
    parser.add_argument("-k", metavar="EXPRESSION", dest="keyword", help="run the scenarios that match, as pytest -k")
    parser.add_argument("-n", metavar="N", dest="workers", help="number of workers, as pytest -n")
    parser.add_argument("--stack", choices=get_args(StackChoice), help="how the services run (default: auto)")
    parser.add_argument("--runner", choices=get_args(Runner), help="how `airflow dags test` runs (default: auto)")
    parser.add_argument("--waits", choices=get_args(Waits), help="short: waits of tasks last at most a second")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    # Other commands need neither pytest nor the clients of services, which take long to import.
    from harness.compare.text import format_text
    from harness.compare.verdicts import exit_code
    from harness.progress import show_progress
    from harness.upgrade.check import check_upgrade
    from harness.upgrade.write import prepare_folder, write_report

    folder = chosen.report or root / DEFAULT_REPORT
    with show_progress() as progress, make_plan(root, chosen, prepare_folder(folder), progress) as (plan, forecast):
        comparison = check_upgrade(plan, forecast, progress)
    write_report(comparison, folder)
    print(format_text(comparison))
    print(f"report: {folder}")
    return exit_code(comparison)


@contextmanager
def make_plan(
    root: Path, chosen: argparse.Namespace, evidence: Path, progress: Progress
) -> Iterator[tuple[Plan, Forecast]]:
    """Yield what to check, and the forecast, with temporary files for the DAGs of a git reference and for scenarios."""
    from harness.airflow.making.current import current_side
    from harness.airflow.making.resolve import Sources, parse_moment
    from harness.airflow.making.targets import merge_targets, parse_target
    from harness.upgrade.check import Plan
    from harness.upgrade.every_dag import write_scenarios
    from harness.upgrade.forecast import make_forecast
    from harness.upgrade.git_ref import extract_dags_folder
    from harness.upgrade.prepare import describe_side, prepare_side

    check_arguments(chosen)
    settings = Settings.load(root, BUILT_IN, {"dags_folder": chosen.dags_folder, "runner": chosen.runner})
    check_folder(settings.dags_folder)
    baseline, candidate = (merge_targets(map(parse_target, texts)) for texts in (chosen.from_, chosen.to))
    sources = Sources(chosen.resolved_at and parse_moment(chosen.resolved_at), chosen.constraints)
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        edited = extract_dags_folder(chosen.to_ref, settings.dags_folder, temporary) if chosen.to_ref else None
        if edited := edited or chosen.to_dags_folder:
            check_folder(edited)
        current = current_side(settings)
        before = prepare_side("A", "baseline", baseline, current, settings, sources, progress)
        after = prepare_side("B", "candidate", candidate, current, settings, sources, progress, edited)
        airflow, why_not = describe_side(after, current)
        forecast = make_forecast(airflow, settings_of(settings, after), why_not)
        scenarios = Scenarios(root, (*chosen.paths, *pytest_options(chosen)))
        yield Plan(settings, before, after, scenarios, evidence, not chosen.no_repeat), forecast


def check_arguments(chosen: argparse.Namespace) -> None:
    """Raise SettingsError or RunRefusedError for arguments that contradict each other, before anything is installed."""
    if chosen.date is not None:
        check_date(chosen.date)
        if chosen.paths:
            raise SettingsError(f"--date runs every DAG, so {chosen.paths[0]!r} would not run: remove --date, or the paths")
    for path in chosen.paths:
        if not Path(path.partition("::")[0]).exists():
            raise SettingsError(f"scenarios {path!r}: no such file or folder; each target needs its own --to or --from")
    if chosen.workers is not None and find_spec("xdist") is None:
        raise SettingsError("-n needs pytest-xdist: pip install 'airflow-scenario-harness[parallel]'")
