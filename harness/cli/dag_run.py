"""`harness run`: one DAG for one date, with no test written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

from harness.errors import SettingsError
from harness.settings import Runner, StackChoice

FAILED = 1


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("run", help="run a DAG for a date, and show what it did and left")
    parser.add_argument("dag", metavar="DAG")
    parser.add_argument("date", metavar="DATE", help="2021-01-31, or with a time")
    parser.add_argument("--dags-folder", metavar="PATH", help="the DAGs under test")
    parser.add_argument("--conf", metavar="JSON", type=_conf, help="the run's configuration, an object")
    parser.add_argument("--evidence", metavar="FILE", type=Path, help="write what the run left, as JSON")
    parser.add_argument(
        "--stack", choices=get_args(StackChoice), help="the services; auto (default): as they can be had"
    )
    parser.add_argument("--runner", choices=get_args(Runner), help="how `airflow dags test` is run")
    parser.add_argument("--reuse", action="store_true", help="keep the services for the next run")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    # Only who runs has pytest imported.
    from harness.evidence.record import recorded
    from harness.single.session import in_session
    from harness.single.shown import Moves, show_left
    from harness.single.tasks import followed
    from harness.world import RunOutcomeError, World

    if chosen.evidence:
        _check_writable(chosen.evidence)
    console = Console(width=None if Console().is_terminal else 120)
    failures: list[str] = []

    def work(world: World) -> None:
        try:
            with world.metadata() as database, followed(database, Moves(console)):
                world.run(chosen.dag, chosen.date, conf=chosen.conf)
        except RunOutcomeError as error:
            failures.append(str(error))
        ran, evidence = world.runs[-1]
        show_left(console, ran, evidence)
        if chosen.evidence:
            text = json.dumps(recorded(ran, evidence), indent=1, default=str)
            chosen.evidence.write_text(world.stack.mask(text))

    in_session(root, work, _options(chosen))
    console.print(
        failures[0] if failures else f"{chosen.dag} for {chosen.date}: succeeded", highlight=False, markup=False
    )
    return FAILED if failures else 0


def _options(chosen: argparse.Namespace) -> list[str]:
    given = {"--stack": chosen.stack, "--runner": chosen.runner, "--dags-folder": chosen.dags_folder}
    options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    return [*options, *(["--reuse"] if chosen.reuse else [])]


def _conf(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON ({error})") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError('not an object: write {"key": "value"}')
    return found


def _check_writable(file: Path) -> None:
    """Told before anything is started. Raises SettingsError."""
    there = file.exists()
    try:
        with file.open("a"):
            pass
        if not there:
            file.unlink()
    except OSError as error:
        raise SettingsError(f"--evidence {file} can't be written: {error.strerror}") from error
