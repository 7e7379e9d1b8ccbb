"""Row 13: `make scenarios` on a fresh clone, with packages cached on this machine and no Docker engine."""

from __future__ import annotations

import shutil
import subprocess
import time

from benchmarks import inner
from benchmarks.figures import BenchmarkError, Goal, Line

CLONE = inner.WORK / "fresh-clone"
TIMEOUT = 1200.0
NO_ENGINE = "unix:///nonexistent/docker.sock"
NOTE = """
import time

def pytest_runtest_call():
    try:
        with open({file!r}, "x") as file:
            file.write(str(time.time()))
    except FileExistsError:
        pass
"""
"""A plugin that notes when the first test's own code begins, in whichever worker."""


def fresh_clone(turns: int) -> list[Line]:
    """Each turn clones what is committed. Before the first scenario: until its own code begins, with services up."""
    _clone_and_run()  # fills the caches
    measured = [_clone_and_run() for _ in range(turns)]
    what = "make scenarios on a fresh clone, packages cached, no engine"
    return [
        Line(
            row=13,
            key="13 first",
            what=f"{what}: before its first scenario",
            unit="s",
            ours=tuple(first for first, _ in measured),
            goal=Goal(25),
        ),
        Line(
            row=13,
            key="13 all",
            what=f"{what}: in all",
            unit="s",
            ours=tuple(in_all for _, in_all in measured),
            goal=Goal(120),
        ),
    ]


def _clone_and_run() -> tuple[float, float]:
    """Seconds until the first scenario's own code begins, and in all. Raises BenchmarkError."""
    shutil.rmtree(CLONE, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(inner.ROOT), str(CLONE)], check=True, capture_output=True)
    ours = ("PYTHONPATH", "HARNESS_AIRFLOW_PYTHON", "DOCKER_CONTEXT")
    env = {name: value for name, value in inner.environment({}).items() if name not in ours}
    env["DOCKER_HOST"] = NO_ENGINE
    first_began = CLONE / "first-scenario"
    (CLONE / "note_first.py").write_text(NOTE.format(file=str(first_began)))
    began = time.time()
    result = subprocess.run(
        ["make", "scenarios", "ARGS=-p note_first"],
        cwd=CLONE,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    in_all = time.time() - began
    if result.returncode != 0:
        raise BenchmarkError(f"make scenarios in {CLONE} ended with {result.returncode}: {result.stdout[-1000:]}")
    return float(first_began.read_text()) - began, in_all
