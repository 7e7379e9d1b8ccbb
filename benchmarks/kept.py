"""Ending what a benchmark's project keeps between pytests: its warm host and its stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.figures import BenchmarkError
from benchmarks.inner import environment
from harness.airflow.runners import warm


def down(folder: Path, python: str | Path = sys.executable) -> None:
    """`harness down` in the project `folder`; another project's host and stack are left alone."""
    command = [str(python), "-m", "harness", "down"]
    done = subprocess.run(
        command, cwd=folder, env=environment({}), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} in {folder} ended with {done.returncode}: {done.stderr[-500:]}")


def end_hosts(folder: Path) -> None:
    """Ends the project's warm hosts and leaves its stack."""
    warm.end_hosts(warm.hosts_folder(folder))
