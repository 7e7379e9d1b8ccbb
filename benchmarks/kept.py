"""Ending what a benchmark's project keeps between pytests: its warm host and its stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.figures import BenchmarkError
from benchmarks.inner import environment
from harness.airflow.warm import client


def down(folder: Path) -> None:
    """`harness down` in the project `folder`; another project's host and stack are left alone."""
    command = [sys.executable, "-m", "harness", "down"]
    done = subprocess.run(
        command, cwd=folder, env=environment({}), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} in {folder} ended with {done.returncode}: {done.stderr[-500:]}")


def end_hosts(folder: Path) -> None:
    """Ends the project's warm hosts and leaves its stack."""
    client.end_hosts(client.hosts_folder(folder))
