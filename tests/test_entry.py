"""What the package does to a pytest of its environment: nothing, unless a project uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.outer import environment

PLAIN = """
import sys

def test_it():
    assert "harness.plugin" not in sys.modules
    assert "docker" not in sys.modules
"""
CONTROLLER = """
import sys

def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        heavy = {"docker", "minio", "psycopg", "harness.fixtures", "harness.world"} & sys.modules.keys()
        print(f"HEAVY {sorted(heavy)}")
"""
ASKS = "def test_it(settings):\n    assert settings.dags_folder.name == 'own'\n"


def run(folder: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(root), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_project_that_knows_nothing_of_it(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "test_it.py").write_text(PLAIN)
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nno = 'table of ours'\n")
    done = run(tmp_path, pytestconfig.rootpath)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[0].startswith(".")
    assert "dags-folder" not in run(tmp_path, pytestconfig.rootpath, "--help").stdout


@pytest.mark.parametrize(
    ("table", "arguments"),
    [("[tool.harness]\ndags_folder = 'own'\n", ()), ("", ("--dags-folder", "own")), ("", ("--dags-folder=own",))],
    ids=["table", "option", "option="],
)
def test_a_project_that_uses_it(
    tmp_path: Path, pytestconfig: pytest.Config, table: str, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "test_it.py").write_text(ASKS)
    (tmp_path / "pyproject.toml").write_text(table)
    assert "1 passed" in run(tmp_path, pytestconfig.rootpath, *arguments).stdout


@pytest.mark.parametrize(("workers", "heavy"), [("2", False), ("0", True)])
def test_a_controller_of_workers_is_light(
    tmp_path: Path, pytestconfig: pytest.Config, workers: str, heavy: bool
) -> None:
    """It runs no scenario, and every worker waits for it to start."""
    (tmp_path / "test_it.py").write_text(ASKS)
    (tmp_path / "conftest.py").write_text(CONTROLLER)
    done = run(tmp_path, pytestconfig.rootpath, "-s", "--dags-folder=own", "-n", workers)
    assert "1 passed" in done.stdout
    assert ("HEAVY []" not in done.stdout) == heavy, done.stdout
    assert "world" in run(tmp_path, pytestconfig.rootpath, "--dags-folder=own", "-n", workers, "--fixtures").stdout
