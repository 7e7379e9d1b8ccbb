"""A side's pytest: its options, its results, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.scenario_options import add_scenario_options, pytest_arguments
from harness.compare.model import UpgradeDocument
from harness.progress import SILENT
from harness.services.selection import own_session
from harness.services.session import ServiceSession
from harness.upgrade.services import share_services
from harness.upgrade.sides import LOG, Scenarios, Side, SideRun, clear_evidence, explain_exit, run_side
from tests.outer import environment
from tests.upgrade.conftest import write_scenario

RUN = """
import sys
from pathlib import Path
from harness.progress import SILENT
from harness.services.selection import own_session
from harness.upgrade.sides import Scenarios, Side, run_side
root = Path(sys.argv[1])
with own_session(root) as services:
    run_side(Side("A", "baseline"), Scenarios(root), root / "evidence", services, SILENT, "A")
"""


@pytest.fixture
def services(project: Path) -> Iterator[ServiceSession]:
    with own_session(project) as session:
        yield session


def run(project: Path, services: ServiceSession, *arguments: str, side: Side | None = None) -> SideRun:
    side = side or Side("A", "baseline")
    return run_side(side, Scenarios(project, arguments), project / "evidence", services, SILENT, "A")


def test_a_side_runs_the_scenarios_and_leaves_their_evidence(project: Path, services: ServiceSession) -> None:
    write_scenario(project, "from harness.plugin import SETTINGS; assert str(world.stash[SETTINGS].around) == '/next'")
    ended = run(project, services, side=Side("B", "candidate", around=Path("/next")))

    assert ended.failed is None
    assert "1 passed" in (ended.evidence / LOG).read_text()
    names = {file.name for file in ended.evidence.iterdir()}
    assert names == {LOG, "session.json", "dags-folder.json", "test_it.py-test_it.json"}
    assert "1 deselected" in (ended.evidence / LOG).read_text()


@pytest.mark.parametrize("option", ["--lf --lfnf=none", "--ff", "--nf"])
def test_options_of_the_cache_leave_the_scenarios_as_they_are(
    project: Path, services: ServiceSession, option: str
) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write(f'[tool.pytest.ini_options]\naddopts = "{option}"\n')
    ended = run(project, services)

    assert ended.failed is None
    assert "1 passed" in (ended.evidence / LOG).read_text()
    assert not (project / ".pytest_cache").exists()


def test_a_side_that_can_not_run_starts_nothing(project: Path, services: ServiceSession) -> None:
    ended = run(project, services, side=Side("B", "candidate", failed="pandas==99: no such version"))

    assert ended.failed == "pandas==99: no such version"
    assert list(ended.evidence.iterdir()) == []


def test_ctrl_c_ends_pytest(project: Path, pytestconfig: pytest.Config) -> None:
    write_scenario(project, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)")
    command = [sys.executable, "-c", RUN, str(project)]
    with subprocess.Popen(command, env=environment(pytestconfig.rootpath), stderr=subprocess.DEVNULL) as check:
        deadline = time.monotonic() + 60
        while not ((project / "pid").exists() and (project / "pid").read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        check.send_signal(signal.SIGINT)
        check.wait(30)
    with pytest.raises(ProcessLookupError):
        os.kill(int((project / "pid").read_text()), 0)
    assert "KeyboardInterrupt" in (project / "evidence" / LOG).read_text()


def test_the_id_of_a_scenario_stays_as_pytest_writes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    parser = ArgumentParser()
    add_scenario_options(parser)
    name = "test_it.py::test_it[s3://in//a]"

    assert pytest_arguments(parser.parse_args([name, f"{tmp_path}/{name}"])) == (f"{tmp_path}/{name}",) * 2


def test_a_side_is_chosen_by_options_of_pytest() -> None:
    images = {"postgres": "postgres:18", "minio": "build:v1"}
    side = Side("B", "candidate", Path("/a/python"), images=images, around=Path("/next"))

    assert side.options() == [
        "--harness-side",
        "candidate",
        "--harness-airflow-python=/a/python",
        "--harness-airflow-image=",
        "--harness-around=/next",
        "--harness-minio-image=build:v1",
        "--harness-postgres-image=postgres:18",
    ]


@pytest.mark.parametrize(
    ("code", "log", "reason"),
    [
        (0, "1 passed", None),
        (1, "1 failed", None),
        (
            2,
            "E   ModuleNotFoundError: No module named 'x'\n!! 1 error !!\n",
            "ModuleNotFoundError: No module named 'x'",
        ),
        (4, "ERROR: unknown setting 'colour': remove it\n", "unknown setting 'colour': remove it"),
        (-9, "collecting\n", "collecting (pytest was ended by signal 9)"),
        (
            5,
            "1 deselected",
            "pytest collected no scenario: name a file that has one, or run every DAG with --date DATE",
        ),
        (3, "", "(no output) (pytest exited with 3)"),
    ],
)
def test_a_pytest_without_results_is_explained_in_one_line(code: int, log: str, reason: str | None) -> None:
    explained = explain_exit(code, log)

    assert explained is reason if reason is None else str(explained).startswith(reason)


def test_evidence_of_an_earlier_side_is_removed_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "upgrade.json").write_text(UpgradeDocument().model_dump_json(indent=1))
    for name in (LOG, "notes.txt", "own.json", "unstable.json"):
        (tmp_path / name).write_text("{}")
    clear_evidence(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes.txt", "own.json", "unstable.json"]


def test_sides_with_the_same_images_share_a_session(tmp_path: Path) -> None:
    with share_services(tmp_path) as services_of:
        project = services_of(Side("A", "baseline"))
        other = services_of(Side("B", "candidate", images={"postgres": "postgres:18"}))
        assert services_of(Side("B", "candidate", Path("/a/python"))) is project
        assert other.run != project.run
        folders = [project.folder, other.folder]
        assert project.is_used()
    assert not any(folder.exists() for folder in folders)
