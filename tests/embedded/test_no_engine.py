"""A project on a machine without a Docker engine, seen from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.outer import project, run_pytest

TESTS = """
import pytest

@pytest.mark.engine
def test_with_a_sidecar(world):
    raise AssertionError("never run")

def test_hello(world):
    run = world.run("hello", "2021-01-01")
    assert run.succeeded
    assert world.stack.kind == "embedded"
"""
NOWHERE = {"DOCKER_HOST": "tcp://127.0.0.1:9"}


@pytest.mark.at_length  # `make embedded`, which GitHub runs on two systems, asks the same of every scenario
def test_what_needs_no_engine_runs_and_the_rest_says_why_not(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    done = run_pytest(project(tmp_path / "own", TESTS), pytestconfig.rootpath, "-rs", more=NOWHERE)
    assert "1 passed, 1 skipped" in done.stdout, done.stdout
    assert "needs a Docker engine, and the stack is embedded" in done.stdout
    assert "--harness-stack containers runs it" in done.stdout
    assert "not run" in done.stdout


def test_containers_that_were_asked_for_are_not_replaced(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    folder = project(tmp_path / "own", TESTS)
    done = run_pytest(folder, pytestconfig.rootpath, "--harness-stack", "containers", "-k", "hello", more=NOWHERE)
    assert "EngineError: no Docker engine answers" in done.stdout
    assert "1 error" in done.stdout
