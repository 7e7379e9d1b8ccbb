"""What `harness upgrade` and `harness matrix` hand to the pytest of a side.

The arguments name the scenarios, and how they run.
"""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from harness.errors import SettingsError
from harness.settings import Runner, StackChoice, Waits


def add_scenario_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="*", help="scenarios: files, folders or node ids, as for pytest")
    parser.add_argument("-k", metavar="EXPRESSION", dest="keyword", help="run scenarios that match, as pytest -k")
    parser.add_argument("-n", metavar="N", dest="workers", help="run N scenarios at a time, as pytest -n")
    parser.add_argument(
        "--shard", metavar="I/N", type=_shard, help="run the I-th of N parts of the scenarios, by pytest-split"
    )
    parser.add_argument("--stack", choices=get_args(StackChoice), help="how the services run (default: auto)")
    parser.add_argument("--runner", choices=get_args(Runner), help="how `airflow dags test` runs (default: auto)")
    parser.add_argument(
        "--waits", choices=get_args(Waits), help="short: waits between retries, pokes and polls last at most a second"
    )


def _shard(text: str) -> tuple[int, int]:
    number, _, total = text.partition("/")
    if not (number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a part of all scenarios: write 1/3 for the first of three")
    return int(number), int(total)


def check_scenario_options(chosen: argparse.Namespace) -> None:
    """Raise SettingsError for missing scenarios, and for options whose plugin isn't installed."""
    for path in chosen.paths:
        if not Path(path.partition("::")[0]).exists():
            raise SettingsError(f"{path!r} is no file or folder of scenarios: correct it; a target needs its own --to")
    needs = {"-n": (chosen.workers, "pytest-xdist", "xdist"), "--shard": (chosen.shard, "pytest-split", "pytest_split")}
    for option, (value, package, module) in needs.items():
        if value is not None and find_spec(module) is None:
            raise SettingsError(f"{option} needs {package}: pip install 'airflow-scenario-harness[parallel]'")


def pytest_arguments(chosen: argparse.Namespace) -> tuple[str, ...]:
    """Return the scenarios and options of a side's pytest, which runs in another folder."""
    own = {"-k": chosen.keyword, "-n": chosen.workers}
    names = ("stack", "runner", "waits")
    number, total = chosen.shard or (None, None)
    # least_duration gives every machine the same parts, also without durations, and parts of about the same length.
    shard = (f"--splits={total}", f"--group={number}", "--splitting-algorithm=least_duration") if total else ()
    return (
        *shard,
        # As text, because a Path would make one slash of the two in test_it.py::test_it[s3://bucket].
        *(os.path.join(os.getcwd(), path) for path in chosen.paths),  # noqa: PTH109, PTH118
        *(part for name, value in own.items() if value is not None for part in (name, value)),
        *(f"--harness-{name}={value}" for name in names if (value := getattr(chosen, name)) is not None),
    )
