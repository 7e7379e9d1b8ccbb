"""`harness run`: run one DAG for one date, without a test."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

from harness.airflow.preflight import check_date, check_folder
from harness.images.catalogue import BUILT_IN
from harness.output import check_file, output_errors, write
from harness.progress import pause, show_progress
from harness.settings import Runner, Settings, StackChoice, Waits

FAILED = 1


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("run", help="run a DAG for a date, and show its tasks and evidence")
    parser.add_argument("dag", metavar="DAG")
    parser.add_argument("date", metavar="DATE", help="logical date: 2021-01-31, or 2021-01-31T12:00:00+00:00")
    parser.add_argument("--dags-folder", metavar="PATH", help="folder of the DAGs under test")
    parser.add_argument("--conf", metavar="JSON", type=_conf, help="the run's configuration, a JSON object")
    parser.add_argument("--evidence", metavar="FILE", type=Path, help="write the run and its evidence as JSON")
    parser.add_argument(
        "--stack", choices=get_args(StackChoice), help="how the services run; auto (default): in containers if possible"
    )
    parser.add_argument("--airflow-python", metavar="PATH", help="the interpreter that runs `airflow`")
    parser.add_argument("--airflow-image", metavar="REF", help="run the DAG in this Airflow image, or build:RELEASE")
    parser.add_argument("--runner", choices=get_args(Runner), help="how `airflow dags test` runs (default: auto)")
    parser.add_argument(
        "--waits", choices=get_args(Waits), help="short: waits between retries, pokes and polls last at most a second"
    )
    debug = "run in the foreground without a timeout, so that breakpoint() in a task stops at the terminal"
    parser.add_argument("--debug", action="store_true", help=debug)
    parser.add_argument("--reuse", action="store_true", help="keep the services for later runs")
    parser.add_argument("--json", action="store_true", help="print the run and its evidence as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    # Other commands don't need pytest, which takes long to import.
    from harness.airflow.runners import foreground
    from harness.cli.endpoints import format_start_times
    from harness.errors import RunOutcomeError, RunRefusedError
    from harness.record.write import read_runs
    from harness.report.model import Part
    from harness.report.sections import explain_sections
    from harness.run_command.result_tables import show_result, show_sections
    from harness.run_command.session import run_in_session
    from harness.run_command.task_states import follow_tasks
    from harness.world import World

    # Check the arguments before the services start.
    if chosen.debug and (chosen.json or chosen.runner):
        raise RunRefusedError("--debug runs at the terminal by a runner of its own: remove --json and --runner")
    check_date(chosen.date)
    names = ("dags_folder", "airflow_python", "airflow_image")
    settings = Settings.load(root, BUILT_IN, {name: getattr(chosen, name) for name in names})
    check_folder(settings.dags_folder)
    if chosen.debug and settings.airflow_image:
        raise RunRefusedError(
            f"--debug runs Airflow on this machine, but airflow_image is {settings.airflow_image!r}: remove one of them"
        )
    if chosen.evidence:
        check_file("--evidence", chosen.evidence)
    out = sys.stderr if chosen.json else sys.stdout
    console = Console(file=out, width=None if out.isatty() else 120)
    failure: str | None = None
    worlds: list[World] = []
    parts: list[Part] = []
    recorded: dict[str, Any] = {}

    def work(world: World) -> None:
        worlds.append(world)
        world.record = bool(chosen.json or chosen.evidence)
        progress.step("services", format_start_times(world.stack), last=True)
        try:
            run_dag(world)
        finally:  # the folder with the document is removed with the session
            if world.record:
                (document,), incomplete = read_runs(world.runs, world.stack.mask)
                recorded.update(document.model_dump(mode="json"), incomplete=incomplete)

    def run_dag(world: World) -> None:
        if chosen.debug:
            world.execute = foreground.execute
            with pause(progress):
                world.run(chosen.dag, chosen.date, conf=chosen.conf)
            return
        progress.step("Airflow", "starting")
        try:
            with world.metadata() as database, follow_tasks(database, progress):
                world.run(chosen.dag, chosen.date, conf=chosen.conf)
        finally:
            progress.step("Airflow", "ended", last=True)

    with show_progress(console) as progress:
        progress.step("services", "starting")
        try:
            run_in_session(root, work, _options(chosen), progress, parts.append)
        except RunOutcomeError as error:
            failure = str(error)
    (world,) = worlds
    (result,) = world.runs
    sections = explain_sections(parts[-1]) if failure else []
    explanation = [{"title": title, "text": text} for title, text in sections]
    text = json.dumps({**recorded, "explanation": explanation}, indent=1)
    if chosen.json:
        print(text)
    else:
        show_result(console, result, world.stack.mask)
        show_sections(console, sections)
        verdict = failure or f"{chosen.dag} for {chosen.date}: succeeded"
        console.print(verdict, highlight=False, markup=False, soft_wrap=True)
    if chosen.evidence:
        with output_errors("--evidence", chosen.evidence):
            write(chosen.evidence, text)
    return FAILED if failure else 0


def _options(chosen: argparse.Namespace) -> list[str]:
    given = {
        "--harness-stack": chosen.stack,
        "--harness-runner": chosen.runner,
        "--harness-waits": chosen.waits,
        "--harness-dags-folder": chosen.dags_folder,
        "--harness-airflow-python": chosen.airflow_python,
        "--harness-airflow-image": chosen.airflow_image,
    }
    options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    return [*options, *(["--harness-reuse"] if chosen.reuse else [])]


def _conf(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON ({error})") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError('not an object: write {"key": "value"}')
    return found
