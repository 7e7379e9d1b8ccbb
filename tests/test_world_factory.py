"""Worlds of modules and of tests on one fake stack: which one owns the services, and what reports show."""

from __future__ import annotations

from pathlib import Path

from harness.report.model import Session
from harness.settings import Settings
from tests.outer import project, run_pytest

CONFTEST = """
import types
from unittest.mock import MagicMock

import pytest

SECRET = "s3cr" + "et"

class FakeStack:
    kind, stack_id, seconds, images, remarks = "embedded", "session-0", {}, {}, ("a remark of the stack",)
    services, passed_secrets = (), []

    def __init__(self):
        self.minio = self.aws = self.postgres = MagicMock(url="http://aws", region="eu-west-1", names=())
        store = {"url": "http://s3", "internal": "minio:9000", "access_key": "me", "secret_key": "mine"}
        self.minio.endpoint = types.SimpleNamespace(**store)
        self.relay = types.SimpleNamespace(remove_sidecars=lambda: self.calls.append("sidecars"))
        self.calls = []

    def reset(self):
        self.calls.append("reset")

    def mask(self, text):
        return text.replace(SECRET, "***")

@pytest.fixture(scope="session")
def harness_stack():
    return FakeStack()

@pytest.fixture(scope="session")
def harness_airflow():
    return None

@pytest.fixture(scope="session")
def harness_execute():
    return None

@pytest.fixture(scope="session")
def connections():
    return {}

@pytest.fixture(scope="session")
def environment(harness_stack):
    return {"OPENED": str(len(harness_stack.calls))}
"""
TESTS = """
import pytest
from harness import RunOutcomeError, WorldEndedError
from harness.evidence.evidence import Evidence
from harness.evidence.objects import StoredObject
from harness.run import Run
from conftest import SECRET

def create_run(dag_id):
    evidence = Evidence(objects={"data": {"key": StoredObject(3, "ab" * 32)}})
    return Run(dag_id, "2021-01-01", "success", 0, log=f"warning of {dag_id} {SECRET}", evidence=evidence)

@pytest.fixture(scope="module")
def report(world_factory, harness_stack):
    with world_factory() as world:
        assert harness_stack.calls == ["reset"]
        world.runs.append(create_run("nightly"))
        yield world

@pytest.fixture(scope="module")
def run(world_factory):
    with world_factory() as world:
        world.runs.append(create_run("weekly"))
        return world

def test_first_check(report):
    assert report.keys("data") == ["key"]
    report.s3()

def test_second_check_fails(report):
    assert report.keys("data") == [SECRET]

def test_of_another_fixture(report, run):
    assert report.keys("data") == run.keys("data") == ["key"]
    with pytest.raises(WorldEndedError, match="^the world of fixture 'report' ended when the world of fixture 'run'"):
        report.s3()
    with pytest.raises(WorldEndedError, match="^the world of fixture 'run' ended with its `with` block: read its"):
        run.run("weekly", "2021-01-01")
    assert len(run.runs) == 1

def test_with_its_own_world(world, report, world_factory):
    world.s3()
    assert world.environment == report.environment
    with world_factory() as second:
        assert second.folder != world.folder
        second.runs.append(create_run("second"))
    for use in (lambda: world.aws, world.s3, lambda: world.read("a", "b"), lambda: world.rows("a", "b"),
                lambda: world.sql("a"), lambda: world.put("a", "b", b""), world.metadata().__enter__):
        with pytest.raises(WorldEndedError, match="'test_with_its_own_world' ended when the world of test 'test_with_"):
            use()

def test_reads_the_world_of_the_module(report):
    report.read("data", "key")

@pytest.fixture(scope="class")
def of_class(world_factory):
    with world_factory() as world:
        yield world

class TestOverride:
    @pytest.fixture
    def environment(self):
        return {}

    def test_narrow(self, of_class):
        pass

@pytest.fixture(scope="module")
def broken(world_factory):
    with world_factory() as world:
        world.runs.append(create_run("broken"))
        raise RunOutcomeError(f"broken for 2021-01-01: {SECRET}")

@pytest.mark.parametrize("number", [1, 2])
def test_of_a_broken_fixture(broken, number):
    pass

def test_every_open_world_was_reset_and_cleaned(harness_stack):
    assert harness_stack.calls.count("reset") == 5
    assert harness_stack.calls.count("sidecars") == 3
"""
ENDED = "WorldEndedError: the world of fixture 'report' ended when the world of fixture 'run' opened and reset"
NARROW = (
    "SettingsError: fixture 'environment' ends with each test, and fixture 'of_class' needs it for a class: "
    "write @pytest.fixture(scope=\"session\") at your 'environment'"
)


def test_worlds_of_modules(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, TESTS)
    (folder / "conftest.py").write_text('pytest_plugins = ["harness.plugin"]\n' + CONFTEST)

    done = run_pytest(folder, harness_settings.root, "--harness-report", "out", "--junitxml", "junit.xml")

    assert "2 failed, 4 passed, 3 errors" in done.stdout, done.stdout
    shown = " ".join(done.stdout.split())
    assert ENDED in shown
    assert NARROW in shown
    assert "ScopeMismatch" not in done.stdout
    assert "a remark of the stack" in done.stdout
    junit = (folder / "junit.xml").read_text()
    page = (folder / "out" / "index.html").read_text()
    secret = "s3cr" + "et"
    assert secret not in done.stdout + junit + page
    session = Session.model_validate_json((folder / "out" / "report.json").read_text())
    dags = {one.node_id.rpartition("::")[2]: [each.run.dag_id for each in one.runs] for one in session.scenarios}
    assert dags == {
        "test_first_check": ["nightly"],
        "test_second_check_fails": ["nightly"],
        "test_of_another_fixture": ["nightly", "weekly"],
        "test_with_its_own_world": ["nightly", "second"],
        "test_reads_the_world_of_the_module": ["nightly"],
        "test_narrow": [],
        "test_of_a_broken_fixture[1]": ["broken"],
        "test_of_a_broken_fixture[2]": ["broken"],
    }
    assert "what was in the buckets" in done.stdout
