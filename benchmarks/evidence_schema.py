"""Row 17: row 7's scenarios with evidence of schema 4, against the last commit that wrote schema 3."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks import inner
from benchmarks.figures import BenchmarkError, Goal, Line
from benchmarks.kept import down
from benchmarks.scenarios import copy_of_checkout, without_waiting

BEFORE = "a02e16c^"
"""The commit before the one that writes schema 4."""
KEPT = ("--harness-runner", "warm", "--harness-reuse", "--harness-evidence=evidence")


def against_schema_3(turns: int) -> list[Line]:
    """Run the scenarios with this harness and with the earlier one, in turns, each with its own hosts and stack."""
    earlier = _check_out(inner.WORK / "schema-3")
    ours_in, theirs_in = copy_of_checkout("schema-4"), copy_of_checkout("with-schema-3")
    shutil.copy(earlier / "pyproject.toml", theirs_in)  # settings that the earlier harness knows
    quiet = without_waiting(ours_in)
    ours: list[float] = []
    theirs: list[float] = []
    try:
        for number in range(turns + 1):
            now = sum(inner.run_pytest(ours_in, *quiet, *KEPT).of(""))
            # The old harness first, then this checkout's benchmarks.
            more = {"PYTHONPATH": f"{earlier}:{inner.ROOT}"}
            before = sum(inner.run_pytest(theirs_in, *quiet, *KEPT, more=more).of(""))
            if number:  # the first turn starts the hosts
                ours.append(now)
                theirs.append(before)
    finally:
        down(ours_in)
        down(theirs_in)
    what = "the scenarios whose DAGs don't wait, warm, with evidence of schema 4 / of schema 3"
    return [Line(17, "17 schema", what, "s", tuple(ours), tuple(theirs), Goal(1.15), "hosts alive, stack kept")]


def _check_out(folder: Path) -> Path:
    """Return the folder with the harness and the settings of BEFORE."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", BEFORE, "harness", "pyproject.toml"], cwd=inner.ROOT, capture_output=True, check=False
    )
    if archive.returncode != 0:
        raise BenchmarkError(f"git has no commit {BEFORE}: fetch the whole history")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder
