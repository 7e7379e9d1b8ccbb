"""The `harness` command as a user has it, in a project of its own on the embedded stack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.services.fleet import Fleet
from tests.outer import environment, run_pytest

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def databases():
    return {"shop": "CREATE TABLE sold (n int)"}

@pytest.fixture
def environment(stack):
    return {"GREETING": "from the conftest"}
"""
DAG = """
import datetime as dt
import os
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

def greet(dag_run=None, **_):
    if dag_run.conf.get("fail"):
        raise ValueError("as it was told")
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
    (folder / "pyproject.toml").write_text('[tool.harness]\nbuckets = ["first"]\nstack = "embedded"\n')
    (folder / "dags").mkdir()
    (folder / "dags" / "greets.py").write_text(DAG)
    (folder / "test_it.py").write_text("def test_it(stack):\n    print('PORT', stack.aws.url.rpartition(':')[2])\n")
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
    run("down")  # its warm host, and what a test that failed may have kept


def test_a_run_shows_its_tasks_and_what_it_left(harness: Harness, folder: Path) -> None:
    done = harness("run", "greets", "2021-01-01", "--evidence", "left.json")
    assert done.returncode == 0, done.stderr
    assert "greet: success" in done.stdout
    assert done.stdout.splitlines()[-1] == "greets for 2021-01-01: succeeded"
    left = json.loads((folder / "left.json").read_text())
    assert left["tasks"] == {"greet": {"state": "success", "tries": 1}}
    assert left["xcoms"] == {"greet/return_value": "from the conftest"}
    assert list(left["evidence"]["objects"]) == ["first"]


def test_a_run_that_fails(harness: Harness) -> None:
    done = harness("run", "greets", "2021-01-01", "--conf", '{"fail": true}')
    assert done.returncode == 1
    assert "greet: failed" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("greets for 2021-01-01: ")
    assert "Traceback" not in done.stderr


REFUSED = [
    (("run", "greets", "2021-99-01"), "'2021-99-01' is not a date: write 2021-01-31"),
    (("run", "greets", "2021-01-01", "--conf", "{"), "argument --conf: not JSON"),
    (("run", "greets", "2021-01-01", "--conf", "[1]"), "argument --conf: not an object"),
    (
        ("run", "greets", "2021-01-01", "--evidence", "no/such/file"),
        "--evidence no/such/file can't be written: No such",
    ),
    (("run", "greets", "2021-01-01", "--stack", "some"), "argument --stack: invalid choice: 'some'"),
    (("run", "greets", "2021-01-01", "--dags-folder", "none"), "does not exist: set dags_folder"),
    (("run", "greets"), "the following arguments are required: DATE"),
    (("list", "--dags-folder", "none"), "does not exist: set dags_folder"),
    (("logs", "aws"), "no service 'aws' is kept; there is nothing: start it with `harness up`"),
    (("logs", "aws", "--tail", "0"), "argument --tail: '0' is no number of lines"),
    (("up", "--nonsense"), "unrecognized arguments: --nonsense"),
    (("fly",), "invalid choice: 'fly'"),
]


@pytest.mark.parametrize(
    ("arguments", "told"), REFUSED, ids=lambda part: "-".join(part) if isinstance(part, tuple) else ""
)
def test_what_is_wrong_is_told_in_one_line(harness: Harness, arguments: tuple[str, ...], told: str) -> None:
    done = harness(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("note", ['{"fits": "x"}', "[]", "{"], ids=["older", "another", "garbage"])
def test_a_note_of_another_version_is_no_obstacle(harness: Harness, folder: Path, note: str) -> None:
    for name in ("embedded-0", "stack-0"):
        (Fleet(folder, None).folder / f"{name}.json").write_text(note)
    told = harness("logs", "aws")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert harness("down").returncode == 0
    assert not list(Fleet(folder, None).folder.glob("*.json"))


@pytest.mark.at_length
def test_an_unknown_dag_is_told_with_those_there_are(harness: Harness, folder: Path) -> None:
    done = harness("run", "greet", "2021-01-01", "--evidence", "not-left.json")
    assert not (folder / "not-left.json").exists()
    assert done.returncode == 2
    assert "DAG 'greet' is not in " in done.stderr
    assert done.stderr.endswith("which holds: greets\n")


def test_the_list(harness: Harness, tmp_path: Path) -> None:
    done = harness("list", "--json")
    assert done.returncode == 0
    (facts,) = json.loads(done.stdout)["dags"].values()
    assert (facts["schedule"], facts["start"][:10], facts["end"]) == ("none", "2020-01-01", None)

    (tmp_path / "broken.py").write_text("from airflow import DAG\nimport no_such_module\n")
    done = harness("list", "--dags-folder", str(tmp_path))
    assert done.returncode == 1
    assert "No module named 'no_such_module'" in done.stdout


def test_what_is_up_stays_for_pytest_and_goes_by_down(
    harness: Harness, folder: Path, pytestconfig: pytest.Config
) -> None:
    assert harness("status").returncode == 1
    up = harness("up", "--json")
    assert up.returncode == 0, up.stderr
    found = json.loads(up.stdout)
    assert found.keys() == {"endpoints"}
    assert found["endpoints"].keys() == {"minio", "postgres shop", "aws"}
    shown = harness("up", "--show-credentials").stdout
    exports = dict(
        line.removeprefix("export ").split("=", 1) for line in shown.splitlines() if line.startswith("export ")
    )
    password = exports["POSTGRES_SHOP"].split(":")[2].split("@")[0]
    assert password not in up.stdout

    again = run_pytest(folder, pytestconfig.rootpath, "-q", "-s", "--reuse")
    assert f"PORT {found['endpoints']['aws'].rpartition(':')[2]}" in again.stdout

    status = harness("status", "--json")
    assert status.returncode == 0
    assert [one["name"] for one in json.loads(status.stdout)["services"] if one["answers"]] == [
        "minio",
        "postgres",
        "aws",
    ]
    assert "database system is ready" in harness("logs", "postgres", "--tail", "1000").stdout
    unknown = harness("logs", "mini")
    assert unknown.stderr == "error: no service 'mini' is kept; there is aws, minio, postgres\n"

    # One that has died is seen, and what is left of the stack goes all the same.
    note = json.loads(next(Fleet(folder, None).folder.glob("embedded-*.json")).read_text())
    twin = next(
        pid for pid in children(note["pid"]) if b"harness.aws_twin" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(twin, signal.SIGKILL)
    assert harness("status").returncode == 1
    assert harness("down").stdout.startswith("removed 1 embedded stack")
    assert harness("down").stdout == "nothing was kept\n"
    assert harness("status").stdout.startswith("nothing is kept")
