"""The report of a whole session, with and without workers, on a fake stack that needs no engine."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.report.model import Session
from harness.run import Run
from harness.settings import Settings
from tests.outer import project, run_pytest

SCENARIOS = """
import datetime as dt
import os
import types
import pytest
from harness.airflow.facts import TaskResult
from harness.evidence.aws_state import AwsState
from harness.evidence.evidence import Evidence
from harness.evidence.objects import StoredObject
from harness.images.local import ResolvedImage
from harness.world_factory import register_world
from harness.run import Run
from harness.services.sidecars import Sidecar
from harness.services.stack import Stack
from harness.errors import RunOutcomeError
from harness.world import World

SECRET = "s3cr" + "et"

class Service:
    def __init__(self, name):
        self.name = name
    def log_tail(self, lines):
        return "\\n".join(f"{self.name} says {n} {SECRET}" for n in range(lines))
    def secrets(self):
        return (SECRET,)

class FakeStack:
    passed_secrets: list[str] = []
    stack_id, seconds, remarks = "session-0", {"minio": 1.5}, ()
    images = {"minio": ResolvedImage("minio", f"minio:{SECRET}", "built", "RELEASE.1", 1)}
    services = tuple(Service(name) for name in ("minio", "postgres", "aws", "relay"))
    mask, _secrets = Stack.mask, Stack._secrets

@pytest.fixture
def harness_stack():
    return FakeStack()

def create_run(dag_id, state, log):
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    task = TaskResult("work", state, 1, 1.0, at, at + dt.timedelta(seconds=1))
    failure = None if state == "success" else f"the run failed: work {state} {SECRET}"
    objects = {"data": {f"key-{SECRET}": StoredObject(3, "ab" * 32)}, "spare": {}}
    sidecars = (Sidecar("id", "name", "image:1", 7, f"\\x1b]0;title\\x07spoken {SECRET.upper()}"),)
    return Run(
        dag_id, "2021-01-01", state, int(state != "success"), {"work": task}, {("work", SECRET): [SECRET, {1: b"1"}]},
        log, 1.0, failure, edges=(), evidence=Evidence(objects, AwsState(), sidecars, (f"a warning {SECRET}",)),
    )

@pytest.fixture
def world(request, harness_stack):
    made = World(None, harness_stack, None, None, {}, {}, None)
    register_world(request, made)
    yield made
    if "ends_badly" in request.node.name:
        raise RuntimeError("at its end")

LOG = "\\n".join([
    "2026-01-01T00:00:00Z [info     ] [DAG TEST] starting task_id=work map_index=-1 [x] loc=dag.py:1",
    *(f"2026-01-01T00:00:00Z [warning  ] number {n} {SECRET} [x] loc=dag.py:1" for n in range(300)),
])

def test_fails(world):
    refused = Run("it_fails", "2021-01-01", refused=f"no such DAG {SECRET}")
    world.runs += [refused, create_run("it_fails", "failed", LOG)]
    raise RunOutcomeError("it_fails for 2021-01-01: work failed")

def test_passes(world):
    world.runs.append(create_run("fine", "success", "all is well"))

def test_ends_badly(world):
    pass

def test_has_a_hostile_message(world):
    print("\\x1b[2J")
    name = b"caf\\xe9.csv".decode("utf-8", "surrogateescape")
    world.runs.append(create_run("named", "success", f"\\x1b[2J {name}"))
    assert name == "\\x1b[2J"

@pytest.mark.xfail(reason="known")
def test_is_known_to_fail(world):
    raise ValueError("as ever")

def test_is_no_scenario():
    pass
"""
CRASHES = """
def test_takes_the_worker_along(world):
    os._exit(1)
"""


def read_session(folder: Path) -> Session:
    return Session.model_validate_json((folder / "report" / "report.json").read_text())


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_session_is_reported_completely_and_masked(tmp_path: Path, harness_settings: Settings, workers: str) -> None:
    folder = project(tmp_path, SCENARIOS + (CRASHES if workers == "2" else ""))
    summary = tmp_path / "summary"
    arguments = ("-n", workers, "--harness-report", "report", "--junitxml", "junit.xml")
    done = run_pytest(folder, harness_settings.root, *arguments, more={"GITHUB_STEP_SUMMARY": str(summary)})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "report: report/index.html" in done.stdout

    session = read_session(folder)
    found = {scenario.node_id.partition("::")[2]: scenario for scenario in session.scenarios}
    outcomes = {name: scenario.outcome for name, scenario in found.items()}
    crashed = {"test_takes_the_worker_along": "failed"} if workers == "2" else {}
    assert outcomes == {
        "test_fails": "failed",
        "test_passes": "passed",
        "test_ends_badly": "failed",
        "test_has_a_hostile_message": "failed",
        "test_is_known_to_fail": "not run",
        **crashed,
    }
    assert found["test_ends_badly"].failure == "RuntimeError: at its end"
    check = found["test_has_a_hostile_message"]
    assert (check.place or "").startswith("test_it.py:")
    assert ">       assert name == " in (check.check or "")
    assert "E         - " in (check.check or ""), "the difference"
    assert ">       raise RunOutcomeError(" in (found["test_fails"].check or "")
    assert (found["test_fails"].place or "").startswith("test_it.py:")
    assert "caf\\udce9.csv" in (found["test_has_a_hostile_message"].failure or "")
    assert found["test_is_known_to_fail"].reason == "expected to fail: known"
    if crashed:
        assert "crashed while running" in (found["test_takes_the_worker_along"].failure or "")
    refused, failed = (one.run for one in found["test_fails"].runs)
    assert refused == Run("it_fails", "2021-01-01", refused="no such DAG ***")
    assert failed.refused is None
    assert failed.tasks["work"].start
    assert failed.edges == ()
    assert failed.xcoms == {("work", "***"): ["***", {"1": "b'1'"}]}
    assert failed.evidence.sidecars[0].output == "spoken ***"
    assert found["test_passes"].runs[0].run.log == "all is well"
    assert session.stacks[0].start_seconds == {"minio": 1.5}
    assert session.versions.images["minio"].reference == "minio:***"
    assert [service.name for service in found["test_fails"].services] == ["minio", "postgres", "relay"]

    shown = done.stdout.split("_ test_fails _")[1].split("\n___")[0]
    log = shown.split("log of task work")[1].split("\n---")[0].splitlines()[1:]
    assert len(log) == 100
    assert log[0] == "... 201 lines before these"
    assert "number 299 ***" in log[-1]

    cases = ElementTree.parse(folder / "junit.xml").iter("testcase")  # noqa: S314 - pytest wrote it
    case = next(case for case in cases if case.get("name") == "test_fails")
    failure = case.find("failure")
    assert failure is not None
    assert (failure.get("message") or "").endswith("RunOutcomeError: it_fails for 2021-01-01: work failed")
    assert "number 299 ***" in (failure.text or "")
    assert not list(case.iter("property")), "the data is not sent as a property"

    assert "number 299 \\*\\*\\*" not in summary.read_text(), "the log is fenced, not text"
    assert "number 299 ***" in summary.read_text()
    files = [
        file
        for file in tmp_path.rglob("*")
        if file.is_file() and file.suffix in (".html", ".json", ".md", ".xml", ".txt")
    ]
    assert len(files) >= 8
    for file in [*files, summary]:
        assert "s3cret" not in file.read_text().lower(), file
        assert "\x1b" not in file.read_text(), file
    assert "s3cret" not in done.stdout.lower()
    assert "\x1b" not in done.stdout


def test_without_the_option_only_failures_have_evidence_and_no_log_is_sent(
    tmp_path: Path, harness_settings: Settings
) -> None:
    keep = """
import json
def pytest_runtest_logreport(report):
    if (part := getattr(report, "harness_part", None)):
        with open("parts", "a") as file:
            file.write(json.dumps(part) + "\\\\n")
""".replace("\\\\n", "\\n")
    folder = project(tmp_path, SCENARIOS)
    (folder / "conftest.py").write_text('pytest_plugins = ["harness.plugin"]\n' + keep)
    run_pytest(folder, harness_settings.root)
    parts = [json.loads(line)["scenario"] for line in (folder / "parts").read_text().splitlines()]
    runs = {one["run"]["dag_id"]: one["run"] for part in parts for one in part["runs"]}
    assert runs["it_fails"]["evidence"]["objects"]
    assert runs["it_fails"]["log"] == ""
    assert runs["fine"]["log"] == ""
    assert runs["fine"]["xcoms"] == runs["fine"]["evidence"]["objects"] == {}
    assert not (folder / "report").exists()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_an_unwritable_report_is_refused_before_tests_run(
    tmp_path: Path, harness_settings: Settings, workers: str
) -> None:
    folder = project(tmp_path, SCENARIOS)
    (folder / "taken").write_text("")
    done = run_pytest(folder, harness_settings.root, "-n", workers, "--harness-report", "taken/report")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "passed" not in done.stdout
    lines = [line for line in done.stderr.splitlines() if line]
    assert lines == [
        "ERROR: --harness-report can't be written to taken/report (Not a directory): choose another path, or free space"
    ]
