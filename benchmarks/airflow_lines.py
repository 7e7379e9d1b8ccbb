"""The Python interpreters of the two Airflow lines."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.figures import BenchmarkError
from benchmarks.inner import ROOT
from harness.airflow.making.commands import FailedError
from harness.airflow.making.pythons import NoPythonError
from tools.environments.make import make


def python_of(line: str) -> Path:
    """Return the Python of an Airflow line, creating its environment if needed. Raises BenchmarkError."""
    try:
        return make(f"airflow-{line}", ROOT, os.environ).folder / "bin" / "python"
    except (FailedError, NoPythonError) as error:
        raise BenchmarkError(f"no environment with Airflow {line}: {error}") from error
