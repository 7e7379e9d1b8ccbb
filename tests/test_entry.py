"""The package's entry point: a pytest without the harness's settings is not affected."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.plugin import SERVICE_SESSION, pytest_sessionfinish
from tests.outer import environment

PLAIN = """
import sys

def test_it():
    assert "harness.plugin" not in sys.modules
    assert "docker" not in sys.modules
"""
HEAVY = """
import sys

def pytest_sessionfinish():
    heavy = {"boto3", "docker", "jinja2", "minio", "psycopg", "requests", "rich", "tenacity", "testcontainers"}
    print(f"HEAVY {sorted(heavy & sys.modules.keys())}")
"""
ASKS = "def test_it(harness_settings):\n    assert harness_settings.dags_folder.name == 'own'\n"


def run(folder: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(root), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_project_without_the_harness_is_unaffected(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "test_it.py").write_text(PLAIN)
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nno = 'table of ours'\n")
    done = run(tmp_path, pytestconfig.rootpath)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[0].startswith(".")
    assert "dags-folder" not in run(tmp_path, pytestconfig.rootpath, "--help").stdout


@pytest.mark.parametrize(
    ("table", "arguments"),
    [
        ("[tool.harness]\ndags_folder = 'own'\n", ()),
        ("", ("--harness-dags-folder", "own")),
        ("", ("--harness-dags-folder=own",)),
    ],
    ids=["table", "option", "option="],
)
def test_the_plugin_loads_by_table_or_option(
    tmp_path: Path, pytestconfig: pytest.Config, table: str, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "test_it.py").write_text(ASKS)
    (tmp_path / "pyproject.toml").write_text(table)
    assert "1 passed" in run(tmp_path, pytestconfig.rootpath, *arguments).stdout


@pytest.mark.parametrize("arguments", [(), ("-n2",), ("--collect-only",), ("--fixtures",)], ids=" ".join)
def test_a_session_without_scenarios_is_light(
    tmp_path: Path, pytestconfig: pytest.Config, arguments: tuple[str, ...]
) -> None:
    """Other tests of a project don't wait for the import of the services' clients."""
    (tmp_path / "test_it.py").write_text(ASKS)
    (tmp_path / "conftest.py").write_text(HEAVY)
    done = run(tmp_path, pytestconfig.rootpath, "-s", "--harness-dags-folder=own", *arguments)
    assert done.returncode == 0, done.stdout
    assert set(re.findall("HEAVY .*", done.stdout)) == {"HEAVY []"}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_fixtures_are_listed(tmp_path: Path, pytestconfig: pytest.Config, workers: str) -> None:
    assert (
        "\nworld"
        in run(tmp_path, pytestconfig.rootpath, "--harness-dags-folder=own", "-n", workers, "--fixtures").stdout
    )


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
    assert names.index("harness.fixtures") < names.index("shared"), "a later hook sees the masked report"
"""


@pytest.mark.parametrize("conftest", ["", "harness.plugin"], ids=["by entry point", "by conftest"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("-n2",),
        *(
            pytest.param(each, marks=pytest.mark.at_length)
            for each in ((), ("--dist=loadfile",), ("-n0", "--dist=loadfile"))
        ),
    ],
    ids=["-n2", "", "--dist=loadfile", "-n0 --dist=loadfile"],
)
def test_a_projects_plugin_can_override_fixtures(
    tmp_path: Path, pytestconfig: pytest.Config, arguments: tuple[str, ...], conftest: str
) -> None:
    (tmp_path / "shared.py").write_text(SHARED)
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = {[*filter(None, [conftest]), 'shared']}\n")
    (tmp_path / "test_it.py").write_text(OVERRIDDEN)
    table = "" if conftest else "[tool.harness]\n"
    (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\npythonpath = '.'\n{table}")
    done = run(tmp_path, pytestconfig.rootpath, *arguments)
    assert "1 passed" in done.stdout, done.stdout


def test_collection_with_workers_knows_all_fixtures(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(world): ...\n")
    (tmp_path / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n    print([item.fixturenames for item in items])\n"
    )
    done = run(tmp_path, pytestconfig.rootpath, "--harness-dags-folder=own", "-n2", "--collect-only", "-s")
    assert "'harness_stack'" in done.stdout, done.stdout


RUN_ID = """
import os
from pathlib import Path

from harness.plugin import SERVICE_SESSION

def pytest_sessionfinish(session):
    name = os.environ.get("PYTEST_XDIST_WORKER", "controller")
    Path(f"run-{name}").write_text(str(session.config.stash[SERVICE_SESSION].run))
"""


@pytest.mark.parametrize("given", [(), ("--testrunuid=nightly/7",)], ids=["xdist's own", "given"])
def test_xdists_processes_share_a_run(tmp_path: Path, pytestconfig: pytest.Config, given: tuple[str, ...]) -> None:
    (tmp_path / "test_it.py").write_text(ASKS)
    (tmp_path / "conftest.py").write_text(RUN_ID)
    done = run(tmp_path, pytestconfig.rootpath, "--harness-dags-folder=own", "-n2", *given)
    assert done.returncode == 0, done.stdout
    ids = {file.name: file.read_text() for file in tmp_path.glob("run-*")}
    assert sorted(ids) == ["run-controller", "run-gw0", "run-gw1"]
    assert len(set(ids.values())) == 1
    assert ids["run-gw0"].isalnum()


def test_a_deprecated_option_works_with_a_warning(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "test_it.py").write_text(ASKS)
    done = run(tmp_path, pytestconfig.rootpath, "--dags-folder", "own", "--image-mode=build")
    assert done.returncode == 0, done.stdout
    assert "--dags-folder is deprecated: use --harness-dags-folder" in done.stdout
    assert "--image-mode is deprecated: use --harness-image-mode" in done.stdout


def test_an_option_of_another_plugin_is_left_alone(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """pytest-reporter defines --report, for example."""
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--report')\n"
        "def pytest_report_header(config):\n"
        '    return f\'theirs {config.getoption("--report")}, ours {config.getoption("--harness-report")}\'\n'
    )
    (tmp_path / "test_it.py").write_text(ASKS)
    done = run(tmp_path, pytestconfig.rootpath, "-v", "--harness-dags-folder=own", "--report=x")
    assert "theirs x, ours None" in done.stdout
    assert "deprecated" not in done.stdout


def test_a_fixture_that_another_plugin_replaced_is_named(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(scope='session')\ndef databases():\n    return ['shop']\n"
    )
    (tmp_path / "test_it.py").write_text("def test_it(world):\n    pass\n")
    done = run(tmp_path, pytestconfig.rootpath, "--harness-dags-folder=own")
    assert "SettingsError: fixture 'databases' returned list, not texts by name: if another plugin has" in done.stdout


def test_the_services_end_if_another_hook_raises_at_the_end() -> None:
    ended: list[bool] = []
    services = SimpleNamespace(end=lambda orderly: ended.append(orderly))
    session = cast(pytest.Session, SimpleNamespace(config=SimpleNamespace(stash={SERVICE_SESSION: services})))
    hook = pytest_sessionfinish(session, 1)
    next(hook)
    with pytest.raises(UnicodeEncodeError):
        hook.throw(UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"))
    assert ended == [True]
