"""The Pythons of the two Airflow lines."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks.figures import BenchmarkError
from benchmarks.inner import ROOT

LINES = {"3.3": ROOT / ".venv" / "bin" / "python", "2.11": ROOT / ".tox" / "airflow-2.11" / "bin" / "python"}


def python_of(line: str) -> Path:
    """The Python with that Airflow; the environment of 2.11 is made where it isn't there (some minutes).

    BENCH_PYTHON_2_11 names another. Raises BenchmarkError.
    """
    if chosen := os.environ.get(f"BENCH_PYTHON_{line.replace('.', '_')}"):
        return Path(chosen)
    if not LINES[line].exists():
        command = [str(LINES["3.3"].with_name("tox")), "run", "-q", "-e", f"airflow-{line}", "--notest"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-1000:]}")
    return LINES[line]
