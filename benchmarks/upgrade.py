"""Row 15: an upgrade check against its own pytests. Row 16: an environment from a warm package cache."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import inner
from benchmarks.airflow_lines import python_of
from benchmarks.figures import BenchmarkError, Goal, Line
from benchmarks.kept import down
from benchmarks.scenarios import copy_of_checkout, without_waiting
from harness.airflow.environments import find_environment
from harness.airflow.making.current import lock_environment
from harness.airflow.making.make import make_environment
from harness.airflow.making.resolve import resolve
from harness.airflow.making.targets import merge_targets, parse_target

BASELINE, CANDIDATE = "2.11", "3.3"
WARM = ("--harness-runner", "warm", "--harness-reuse")
RESULTS = (0, 1)  # with 1 the command found a change, as it should


def check(turns: int) -> list[Line]:
    """Check the chapter's scenarios that don't wait from 2.11 to 3.3: in one command, and as three warm pytests."""
    folder = copy_of_checkout("upgrade")
    quiet = without_waiting(folder)
    command: list[float] = []
    pytests: list[float] = []
    try:
        _check(folder, quiet)  # starts the hosts
        for _ in range(turns):
            pytests.append(sum(_pytest(folder, quiet, line) for line in (BASELINE, CANDIDATE, BASELINE)))
            command.append(_check(folder, quiet))
    finally:
        down(folder)
    what = f"harness upgrade {BASELINE} -> {CANDIDATE}, the scenarios whose DAGs don't wait / its three warm pytests"
    return [
        Line(15, "15 upgrade check", what, "s", tuple(command), tuple(pytests), Goal(1.2), "hosts alive, stack kept")
    ]


def _check(folder: Path, scenarios: list[str]) -> float:
    """Return the seconds of the command."""
    sides = [f"--{side}=airflow-python={python_of(line)}" for side, line in (("from", BASELINE), ("to", CANDIDATE))]
    command = [sys.executable, "-m", "harness", "upgrade", *sides, "--runner", "warm", *scenarios]
    began = time.monotonic()
    result = subprocess.run(
        command, cwd=folder, env=inner.environment({}), capture_output=True, text=True, timeout=1800, check=False
    )
    if result.returncode not in RESULTS:
        raise BenchmarkError(f"harness upgrade ended with {result.returncode}: {result.stderr[-500:]}")
    return time.monotonic() - began


def _pytest(folder: Path, scenarios: list[str], line: str) -> float:
    """Return the seconds of a side's own pytest, from the shell prompt."""
    more = {"HARNESS_AIRFLOW_PYTHON": str(python_of(line))}
    arguments = (*WARM, f"--harness-evidence={folder / 'own'}")
    return inner.run_pytest(folder, *scenarios, *arguments, more=more).seconds


def environment(turns: int) -> list[Line]:
    """Resolve and install Airflow into an empty cache of environments, with uv's cache of packages filled."""
    lock = inner.ROOT / "requirements" / f"airflow-{CANDIDATE}.txt"
    wanted = merge_targets([parse_target(str(lock))])
    before = lock_environment(find_environment(python_of(CANDIDATE)))

    def measure() -> float:
        with tempfile.TemporaryDirectory(dir=inner.WORK) as folder:
            began = time.monotonic()
            make_environment(resolve(wanted, before, Path(folder)), Path(folder))
            return time.monotonic() - began

    measure()  # fills uv's cache
    what = f"an environment with Airflow {CANDIDATE} from its lock, packages cached"
    return [Line(16, "16 environment", what, "s", tuple(measure() for _ in range(turns)))]
