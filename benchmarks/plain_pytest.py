"""Row 12: what a project that declares the harness pays at the start of a pytest that runs no scenario."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import inner
from benchmarks.figures import BenchmarkError, Goal, Line

PYTEST = "[tool.pytest.ini_options]\n"
DECLARED = "[tool.harness]\n"


def later_start(turns: int) -> list[Line]:
    """Row 12: a pytest of one empty test, with and without the table in pyproject, in turn."""
    # Outside the checkout, whose own pyproject declares the harness for all folders in it.
    with tempfile.TemporaryDirectory() as temporary:
        declares = _project(Path(temporary, "declares"), PYTEST + DECLARED)
        without = _project(Path(temporary, "without"), PYTEST)
        for folder in (declares, without):
            _seconds(folder)  # compiles what it imports
        later = tuple(_seconds(declares) - _seconds(without) for _ in range(turns))
    return [
        Line(
            row=12,
            key="12 plain pytest",
            what="how much later a pytest without scenarios ends where its project declares the harness",
            unit="s",
            ours=later,
            goal=Goal(0.3),
        )
    ]


def _project(folder: Path, pyproject: str) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(pyproject)
    (folder / "test_it.py").write_text("def test_it(): ...\n")
    return folder


def _seconds(folder: Path) -> float:
    command = [sys.executable, "-m", "pytest", "-q"]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=inner.environment({}), capture_output=True, text=True, timeout=60, check=False
    )
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise BenchmarkError(f"pytest in {folder} ended with {done.returncode}: {done.stdout[-500:]}")
    return seconds
