"""The `harness` command in a separate project on the embedded stack."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.cli import main
from harness.evidence.document import RunDocument
from harness.services.embedded.processes import list_kept_stacks
from harness.services.embedded.supervisor import LOCK
from harness.services.session import ServiceSession
from tests.outer import environment, run_pytest

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def databases():
    return {"shop": "CREATE TABLE sold (n int)"}

@pytest.fixture
def environment(harness_stack):
    return {"GREETING": "from the conftest"}
"""
DAG = """
import datetime as dt
import os
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

def greet(dag_run=None, **_):
    if dag_run.conf.get("fail"):
        raise ValueError("requested by conf")
    return os.environ["GREETING"]

with DAG(dag_id="greets", start_date=dt.datetime(2020, 1, 1), schedule=None):
    PythonOperator(task_id="greet", python_callable=greet)
"""
Harness = Callable[..., subprocess.CompletedProcess[str]]


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pyproject.toml").write_text(
        '[tool.harness]\nbuckets = ["first"]\nstack = "embedded"\nconnections = {shop = "${postgres.shop}"}\n'
    )
    (folder / "dags").mkdir()
    (folder / "dags" / "greets.py").write_text(DAG)
    (folder / "test_it.py").write_text(
        "def test_it(harness_stack):\n    print('PORT', harness_stack.aws.url.rpartition(':')[2])\n"
    )
    return folder


@pytest.fixture(scope="module")
def harness(folder: Path, pytestconfig: pytest.Config) -> Iterator[Harness]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=folder,
            env={**environment(pytestconfig.rootpath), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    yield run
    run("down")  # ends the warm host, and services that a failed test may have kept


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"harness {version('airflow-scenario-harness')}\n"


def test_run_shows_tasks_and_writes_evidence(harness: Harness, folder: Path) -> None:
    done = harness("run", "greets", "2021-01-01", "--evidence", "left.json")
    assert done.returncode == 0, done.stderr
    assert "greet: success" in done.stdout
    assert done.stdout.splitlines()[-1] == "greets for 2021-01-01: succeeded"
    left = json.loads((folder / "left.json").read_text())
    document = RunDocument.model_validate({key: left[key] for key in RunDocument.model_fields})
    assert document.tasks["greet"].state == "success"
    assert document.xcoms == {"greet": {"return_value": "from the conftest"}}
    assert list(document.objects) == ["first"]
    assert left.keys() - RunDocument.model_fields.keys() == {"explanation", "incomplete"}


def test_run_shows_a_failure(harness: Harness) -> None:
    done = harness("run", "greets", "2021-01-01", "--conf", '{"fail": true}')
    assert done.returncode == 1
    assert "greet: failed" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("greets for 2021-01-01: the run failed: ")
    titles = re.findall(r"^-+ (.+?) -+$", done.stdout, re.M)
    assert titles[:2] == [
        "exception of task greet",
        "log of task greet, attempt 1, of greets 2021-01-01 (exit code 1)",
    ], done.stdout
    assert re.search(
        r"^-+ exception of task greet -+\nValueError: requested by conf\n-+ log of task", done.stdout, re.M
    )
    assert "Traceback" not in done.stderr

    done = harness("run", "greets", "2021-01-01", "--conf", '{"fail": true}', "--json")
    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert result["tasks"]["greet"]["state"] == "failed"
    assert "greet failed" in result["failure"]
    assert result["explanation"][0] == {"title": "exception of task greet", "text": "ValueError: requested by conf"}
    assert 'raise ValueError("requested by conf")' in result["explanation"][1]["text"]
    assert "greet: failed" in done.stderr


def test_list_shows_dags_and_broken_files(harness: Harness, tmp_path: Path) -> None:
    done = harness("list", "--json")
    assert done.returncode == 0
    (facts,) = json.loads(done.stdout)["dags"].values()
    assert (facts["schedule"], facts["start"][:10], facts["end"]) == ("none", "2020-01-01", None)

    (tmp_path / "broken.py").write_text("from airflow import DAG\nimport no_such_module\n")
    done = harness("list", "--dags-folder", str(tmp_path))
    assert done.returncode == 1
    assert "No module named 'no_such_module'" in done.stdout


@pytest.mark.at_length  # tests/services/test_reuse.py covers most of it
def test_up_keeps_services_for_pytest_until_down(harness: Harness, folder: Path, pytestconfig: pytest.Config) -> None:
    assert harness("status").returncode == 1
    up = harness("up", "--json")
    assert up.returncode == 0, up.stderr
    found = json.loads(up.stdout)
    assert found.keys() == {"endpoints"}
    assert found["endpoints"].keys() == {"minio", "postgres shop", "aws"}
    shown = harness("up", "--show-credentials").stdout
    shell = subprocess.run(
        ["sh", "-euc", 'eval "$1" >&2; env -0', "sh", shown], capture_output=True, text=True, check=True
    )
    assert shell.stderr == "", "a shell can eval the whole output"
    exports = dict(line.split("=", 1) for line in shell.stdout.split("\0") if line)
    password = exports["POSTGRES_SHOP"].split(":")[2].split("@")[0]
    assert password not in up.stdout
    assert (exports["PGPASSWORD"], exports["PGDATABASE"]) == (password, "shop")
    assert exports["AIRFLOW_CONN_SHOP"] == exports["POSTGRES_SHOP"]

    again = run_pytest(folder, pytestconfig.rootpath, "-q", "-s", "--harness-reuse")
    assert again.returncode == 0, again.stdout
    assert f"PORT {found['endpoints']['aws'].rpartition(':')[2]}" in again.stdout

    status = harness("status", "--json")
    assert status.returncode == 0
    result = json.loads(status.stdout)
    assert [one["name"] for one in result["services"] if one["answers"]] == ["minio", "postgres", "aws"]
    assert [one["url"] for one in result["services"]] == [
        url.rpartition("/shop")[0] or url for url in found["endpoints"].values()
    ]
    assert result["in_use"] is False
    assert result["warm_hosts"] == []
    assert "database system is ready" in harness("logs", "postgres", "--tail", "1000").stdout
    unknown = harness("logs", "mini")
    assert unknown.stderr == "error: no service 'mini' is kept: choose from aws, minio, postgres\n"

    # A killed service is reported, and `down` removes the rest of the stack.
    (kept,) = (stack for stack, kept_for in list_kept_stacks() if kept_for == ServiceSession(folder, None).folder)
    supervisor = int((kept / LOCK).read_text())
    mock = next(pid for pid in children(supervisor) if b"harness.aws_mock" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(mock, signal.SIGKILL)
    assert harness("status").returncode == 1
    assert harness("down").stdout.startswith("removed 1 embedded stack")
    assert harness("down").stdout == "nothing to remove\n"
    assert harness("status").stdout.startswith("no services are kept")
