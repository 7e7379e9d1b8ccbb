"""End the warm host and the stack that a benchmark's project reuses between pytests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.figures import BenchmarkError
from benchmarks.inner import environment
from harness.airflow.runners import warm
from harness.runtime_dir import hosts_folder


def down(folder: Path) -> None:
    """Run `harness down` in the project `folder`.

    Other projects' hosts and stacks keep running.
    """
    command = [sys.executable, "-m", "harness", "down"]
    result = subprocess.run(
        command, cwd=folder, env=environment({}), capture_output=True, text=True, timeout=120, check=False
    )
    if result.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} in {folder} ended with {result.returncode}: {result.stderr[-500:]}")


def end_hosts(folder: Path) -> None:
    """End the project's warm hosts, not its stack."""
    warm.end_hosts(hosts_folder(folder))
