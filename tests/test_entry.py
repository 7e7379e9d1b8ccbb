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


SHARED = """
import pytest

@pytest.fixture(scope="session")
def databases():
    return {"of a plugin": ""}

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return (yield)
"""
OVERRIDDEN = """
def test_it(databases, pytestconfig):
    assert list(databases) == ["of a plugin"]
    hooks = pytestconfig.pluginmanager.hook.pytest_runtest_makereport.get_hookimpls()
    names = [hook.plugin_name for hook in hooks]
    assert names.index("harness.fixtures") < names.index("shared"), "who comes later sees what comes earlier has masked"
"""


@pytest.mark.parametrize("conftest", ["", "harness.plugin"], ids=["by entry point", "by conftest"])
@pytest.mark.parametrize("arguments", [(), ("-n2",), ("--dist=loadfile",), ("-n0", "--dist=loadfile")], ids=" ".join)
def test_what_a_projects_plugin_replaces_is_replaced(
    tmp_path: Path, pytestconfig: pytest.Config, arguments: tuple[str, ...], conftest: str
) -> None:
    (tmp_path / "shared.py").write_text(SHARED)
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = {[*filter(None, [conftest]), 'shared']}\n")
    (tmp_path / "test_it.py").write_text(OVERRIDDEN)
    table = "" if conftest else "[tool.harness]\n"
    (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\npythonpath = '.'\n{table}")
    done = run(tmp_path, pytestconfig.rootpath, *arguments)
    assert "1 passed" in done.stdout, done.stdout


def test_collecting_for_workers_knows_all_fixtures(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(world): ...\n")
    (tmp_path / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n    print([item.fixturenames for item in items])\n"
    )
    done = run(tmp_path, pytestconfig.rootpath, "--dags-folder=own", "-n2", "--collect-only", "-s")
    assert "'stack'" in done.stdout, done.stdout


KNOTS = """
import gc
from pathlib import Path

class Knot:
    def __init__(self, file):
        self.itself = self
        self.file = file.open("w")
        self.file.write("written")

    def __del__(self):
        self.file.close()

THROUGHOUT = Knot(Path("throughout"))

def test_it(settings):
    Knot(Path("within"))
    assert gc.isenabled()
    assert gc.get_freeze_count() > 50_000, "what was imported is not looked through again and again"
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_tests_leave_in_circles_is_ended_and_written(
    tmp_path: Path, pytestconfig: pytest.Config, workers: str
) -> None:
    (tmp_path / "test_it.py").write_text(KNOTS)
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\n")
    done = run(tmp_path, pytestconfig.rootpath, "-n", workers)
    assert done.returncode == 0, done.stdout
    for knot in ("within", "throughout"):
        assert (tmp_path / knot).read_text() == "written"
