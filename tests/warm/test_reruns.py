"""pytest-rerunfailures reruns a scenario with a new world, like any other test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.outer import project, run_pytest

pytest.importorskip("pytest_rerunfailures", reason="not run: needs pytest-rerunfailures")
ROOT = Path(__file__).parents[2]
# A stand-in for the world: this test of pytest's behaviour needs neither services nor Airflow.
TESTS = """
import pytest
from harness.errors import HostLostError

WORLDS = []

@pytest.fixture
def world():
    WORLDS.append("begins")
    yield len(WORLDS)
    WORLDS.append("ends")

def test_lost_once(world):
    if world == 1:
        raise HostLostError("the warm host, process 1, ended during the run")
    assert WORLDS == ["begins", "ends", "begins"]
"""


def test_a_scenario_that_lost_its_host_passes_on_rerun(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", TESTS)
    failed = run_pytest(folder, ROOT, "-rA")
    assert failed.returncode == 1
    assert "HostLostError: the warm host, process 1, ended during the run" in failed.stdout
    passed = run_pytest(folder, ROOT, "-rA", "--reruns", "1")
    assert passed.returncode == 0, passed.stdout
    assert "1 passed, 1 rerun" in passed.stdout


FAILS_ONCE = """
from pathlib import Path

def test_it(world):
    run = world.run("hello", "2021-01-01")
    attempts = Path("attempts")
    attempts.open("a").write(f"{len(world.runs)} {run.state}\\n")
    assert attempts.read_text().count("\\n") == 2
"""


def test_evidence_is_that_of_the_last_attempt(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", FAILS_ONCE)
    done = run_pytest(folder, ROOT, "--reruns", "1", "--harness-stack", "embedded", "--harness-evidence", "evidence")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 rerun" in done.stdout
    assert (folder / "attempts").read_text() == "1 success\n" * 2, "each attempt has a world of its own"
    (scenario,) = [json.loads(file.read_text()) for file in (folder / "evidence").glob("*test_it*")]
    assert (scenario["outcome"], len(scenario["runs"])) == ("passed", 1)
