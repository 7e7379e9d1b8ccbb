"""Row 12: how much declaring the harness delays a pytest that runs no scenario."""

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
    """Measure row 12: a pytest of an empty test, alternately with and without the table."""
    # The checkout's pyproject would declare the harness for any folder inside the checkout.
    with tempfile.TemporaryDirectory() as temporary:
        declares = _project(Path(temporary, "declares"), PYTEST + DECLARED)
        without = _project(Path(temporary, "without"), PYTEST)
        for folder in (declares, without):
            _measure(folder)  # The first run compiles the imported modules.
        later = tuple(_measure(declares) - _measure(without) for _ in range(turns))
    return [
        Line(
            row=12,
            key="12 plain pytest",
            what="delay of a pytest without scenarios if its project declares the harness",
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


def _measure(folder: Path) -> float:
    command = [sys.executable, "-m", "pytest", "-q"]
    began = time.monotonic()
    result = subprocess.run(
        command, cwd=folder, env=inner.environment({}), capture_output=True, text=True, timeout=60, check=False
    )
    seconds = time.monotonic() - began
    if result.returncode != 0:
        raise BenchmarkError(f"pytest in {folder} ended with {result.returncode}: {result.stdout[-500:]}")
    return seconds
