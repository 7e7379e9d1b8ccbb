"""Run pytest as a user does, in a small separate project."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.airflow.runners.warm import end_hosts
from harness.runtime_dir import hosts_folder

CONFTEST = 'pytest_plugins = ["harness.plugin"]\n'
CACHE = "-pcacheprovider"
"""Argument that gives the inner pytest a cache, which is off by default."""
EXAMPLES = Path(__file__).parent / "example_dags"


def project(folder: Path, test: str, table: str = "") -> Path:
    """Create a project with one test file, the example DAGs and `table` as its [tool.harness]."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pyproject.toml").write_text(f'[tool.harness]\ndags_folder = "{EXAMPLES}"\n{table}\n')
    (folder / "test_it.py").write_text(test)
    return folder


def command(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pytest",
        *(() if CACHE in arguments else ("-p", "no:cacheprovider")),
        "--rootdir",
        str(folder),
        "test_it.py",
        *arguments,
    ]


def environment(root: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without settings of the outer pytest; `root`: the checkout."""
    steering = ("PYTEST_", "HARNESS_", "GITHUB_STEP_SUMMARY")
    # Set by tests/conftest.py, because the project has no Airflow environment.
    keep = "HARNESS_AIRFLOW_PYTHON"
    kept = {name: value for name, value in os.environ.items() if name == keep or not name.startswith(steering)}
    return {**kept, "PYTHONPATH": str(root), **(more or {})}


def run_pytest(
    folder: Path, root: Path, *arguments: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command(folder, *arguments),
            cwd=folder,
            env=environment(root, more),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        # Each project has its own warm host, which would keep running.
        end_hosts(hosts_folder(folder))
