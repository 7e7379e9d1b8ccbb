"""Row 7: this project's scenarios with the warm runner, compared with the bare commands."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import inner
from benchmarks.figures import Goal, Line
from benchmarks.kept import down

WAITING = (
    "test_accuracy.py",
    "test_aws_credentials.py",
    "test_aws_digit_classifier.py",
    "test_digit_api.py",
    "test_inside_airbnb_docker.py",
    "test_isolation.py",
    "test_mc.py",
    "test_mounted_socket.py",
    "test_policies.py",
)
"""Files of scenarios that wait for something other than Airflow, such as a container or a job in the AWS mock."""


def all_warm(turns: int) -> list[Line]:
    """Run this project's scenarios: with the process runner for the bare commands, then warm."""
    folder = copy_of_checkout("scenarios")
    quiet = without_waiting(folder)
    ours: list[float] = []
    cold: list[float] = []
    bare: list[float] = []
    for _ in range(turns):
        try:
            bare.append(sum(inner.run_pytest(folder, *quiet, "--harness-runner", "process").noted("run")))
            cold.append(sum(inner.run_pytest(folder, *quiet, "--harness-runner", "warm", "--harness-reuse").of("")))
            ours.append(sum(inner.run_pytest(folder, *quiet, "--harness-runner", "warm", "--harness-reuse").of("")))
        finally:
            down(folder)
    what = "the scenarios whose DAGs don't wait, warm / the bare commands inside them"
    return [
        Line(7, "7 scenarios", what, "s", tuple(ours), tuple(bare), Goal(0.15), "host alive, stack kept"),
        Line(7, "7 scenarios cold", what, "s", tuple(cold), tuple(bare), None, "with the start of services and host"),
    ]


def without_waiting(folder: Path) -> list[str]:
    """List the files of scenarios whose DAGs don't wait, in the checkout `folder`."""
    files = sorted((folder / "scenarios").glob("test_*.py"))
    return [f"scenarios/{file.name}" for file in files if file.name not in WAITING]


def copy_of_checkout(name: str) -> Path:
    """Create a project `name`, so that the user's reused stack and host keep running."""
    folder = inner.WORK / "projects" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for tree in ("dags", "scenarios"):
        shutil.copytree(inner.ROOT / tree, folder / tree, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("conftest.py", "pyproject.toml"):
        shutil.copy(inner.ROOT / file, folder / file)
    return folder
