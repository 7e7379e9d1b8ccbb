"""The Python interpreters of the two Airflow lines."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks.figures import BenchmarkError
from benchmarks.inner import ROOT

LINES = {"3.3": ROOT / ".venv" / "bin" / "python", "2.11": ROOT / ".tox" / "airflow-2.11" / "bin" / "python"}


def python_of(line: str) -> Path:
    """Return the Python of an Airflow line; creating a missing environment takes minutes.

    The variable BENCH_PYTHON_2_11 overrides the path. Raises BenchmarkError.
    """
    if chosen := os.environ.get(f"BENCH_PYTHON_{line.replace('.', '_')}"):
        return Path(chosen)
    if not LINES[line].exists():
        command = [str(LINES["3.3"].with_name("tox")), "run", "-q", "-e", f"airflow-{line}", "--notest"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)} ended with {result.returncode}: {result.stdout[-1000:]}")
    return LINES[line]
