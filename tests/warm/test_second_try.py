"""A scenario whose host was lost is run again in a fresh world, and the table says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.second_try import in_ci
from tests.outer import project, run_pytest

ROOT = Path(__file__).parents[2]
# Stands in for the world, so that neither services nor Airflow are needed: what counts here is pytest's part.
FAKE = """
import pytest
from harness.errors import HostLostError

SETUPS = []

@pytest.fixture(scope="session")
def kept():
    SETUPS.append("session")
    yield len(SETUPS)
    print("END OF SESSION", SETUPS)

@pytest.fixture(scope="module")
def of_module():
    SETUPS.append("module")
    yield
    SETUPS.append("module ended")

@pytest.fixture
def world(request, kept, of_module):
    SETUPS.append("world")
    yield len([one for one in SETUPS if one == "world"])
    SETUPS.append("world ended")

def lost():
    raise HostLostError("the warm host went away during a run: was it killed?")
"""


def inner(tmp_path: Path, tests: str, *arguments: str, more: dict[str, str] | None = None) -> tuple[int, str]:
    folder = project(tmp_path / "project", FAKE + tests)
    done = run_pytest(folder, ROOT, "-rA", "-s", *arguments, more={"CI": "", **(more or {})})
    return done.returncode, done.stdout + done.stderr


ONCE = """
def test_lost_once(world):
    if world == 1:
        lost()
    assert world == 2

def test_beside_it(world):
    assert world == 3
"""


def test_green_at_the_second_try_is_shown_as_such(tmp_path: Path) -> None:
    code, said = inner(tmp_path, ONCE)
    assert code == 0, said
    assert "2 passed" in said
    assert "passed (second try)" in line_of(said, " lost once")
    assert "second try" not in line_of(said, " beside it")


def test_in_ci_that_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    code, said = inner(tmp_path, ONCE, more={"CI": "true"})
    assert code == 1, said
    assert "1 failed, 1 passed" in said
    reason = "HostLostError: green only at the second try: the warm host went away during a run: was it killed?"
    assert reason in said
    assert "Traceback" not in said
    assert "FAILED" in line_of(said, " lost once") or "second try" in line_of(said, " lost once")


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("1", True), ("", False), ("0", False), ("False", False)]
)
def test_what_is_ci(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("CI", value)
    assert in_ci() is expected


def test_lost_in_both_tries_is_a_failure_in_one_line(tmp_path: Path) -> None:
    code, said = inner(tmp_path, "def test_lost_twice(world):\n    lost()\n")
    assert code == 1
    assert said.count("HostLostError: the warm host went away during a run: was it killed?") in (1, 2)
    assert "test_it.py:" not in said.split("FAILURES")[1].split("short test summary")[0], "no traceback"
    assert "FAILED (second try)" in line_of(said, " lost twice")


def test_another_failure_is_not_tried_again(tmp_path: Path) -> None:
    code, said = inner(tmp_path, "def test_wrong(world):\n    assert world == 7\n")
    assert code == 1
    assert "second try" not in said
    assert "assert 1 == 7" in said


def test_a_second_try_that_fails_otherwise_tells_its_own_reason(tmp_path: Path) -> None:
    code, said = inner(tmp_path, "def test_it(world):\n    if world == 1: lost()\n    assert world == 7\n")
    assert code == 1
    assert "assert 2 == 7" in said
    assert "FAILED (second try)" in said


def test_what_the_session_and_the_module_share_lives_on(tmp_path: Path) -> None:
    """Also where the scenario is the last one, at which pytest would end all fixtures."""
    tests = "def test_lost_once(world):\n    if world == 1: lost()\n"
    _, said = inner(tmp_path, tests)
    wanted = ["session", "module", "world", "world ended", "world", "world ended", "module ended"]
    assert f"END OF SESSION {wanted}" in said


def test_a_loss_while_the_world_is_made_counts_too(tmp_path: Path) -> None:
    tests = """
@pytest.fixture
def seeded(world):
    if world == 1:
        lost()

def test_seeded(world, seeded):
    assert world == 2
"""
    code, said = inner(tmp_path, tests)
    assert code == 0, said
    assert "passed (second try)" in line_of(said, " seeded")


def test_a_parametrised_scenario_and_one_that_is_a_method(tmp_path: Path) -> None:
    tests = """
@pytest.mark.parametrize("number", [1, 2])
def test_numbered(world, number):
    if world == 1:
        lost()

class TestThings:
    def test_method(self, world):
        if world == 4:
            lost()
"""
    code, said = inner(tmp_path, tests)
    assert code == 0, said
    assert said.count("(second try)") == 2


def test_with_xdist_it_is_told_too(tmp_path: Path) -> None:
    code, said = inner(tmp_path, ONCE.split("def test_beside")[0], "-n", "1")
    assert code == 0, said
    assert "passed (second try)" in said


def line_of(said: str, start: str) -> str:
    return next(line for line in said.splitlines() if line.startswith(start))


E2E = """
import os, signal, threading, time
from pathlib import Path

def kill_the_host_of(log):
    while not (log.exists() and "PARENT " in log.read_text()):
        time.sleep(0.02)
    os.kill(int(log.read_text().split("PARENT ")[1].split()[0]), signal.SIGKILL)

TRIES = []

def test_killed_once(world):
    TRIES.append(1)
    if len(TRIES) == 1:
        threading.Thread(target=kill_the_host_of, args=(world.folder / "run-1" / "run.log",)).start()
    run = world.run("waits", "2021-01-01", environment={"WAIT": "60" if len(TRIES) == 1 else "0"})
    assert run.succeeded and len(TRIES) == 2 and world.runs == [run]
"""
WAITS = """
import datetime as dt
import os, time
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

def work():
    print(f"PARENT {os.getppid()} ", flush=True)
    time.sleep(int(os.environ["WAIT"]))

with DAG("waits", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)):
    PythonOperator(task_id="work", python_callable=work)
"""


@pytest.mark.engine
@pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")
def test_a_host_that_is_killed_in_the_middle_of_a_run(tmp_path: Path) -> None:
    """All of it, in a project of its own."""
    folder = project(tmp_path / "project", E2E, 'runner = "warm"')
    (folder / "pyproject.toml").write_text(f'[tool.harness]\ndags_folder = "{folder / "dags"}"\nrunner = "warm"\n')
    (folder / "dags").mkdir()
    (folder / "dags" / "waits.py").write_text(WAITS)
    done = run_pytest(folder, ROOT, more={"CI": ""})  # it ends the project's hosts, too
    assert done.returncode == 0, done.stdout
    assert "passed (second try)" in line_of(done.stdout, " killed once")
