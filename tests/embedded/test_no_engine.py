"""A project on a machine without a Docker engine, tested by running its pytest."""

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
NO_ENGINE = {"DOCKER_HOST": "tcp://127.0.0.1:9"}


@pytest.mark.at_length  # `make embedded` checks the same for every scenario.
def test_scenarios_without_need_for_an_engine_run_and_the_others_say_why_not(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    result = run_pytest(project(tmp_path / "own", TESTS), pytestconfig.rootpath, "-rs", more=NO_ENGINE)
    assert "1 passed, 1 skipped" in result.stdout, result.stdout
    assert "needs a Docker engine, but the stack is embedded" in result.stdout
    assert "and use --harness-stack containers" in result.stdout
    assert "not run" in result.stdout


def test_requested_containers_are_not_replaced_by_processes(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    folder = project(tmp_path / "own", TESTS)
    result = run_pytest(folder, pytestconfig.rootpath, "--harness-stack", "containers", "-k", "hello", more=NO_ENGINE)
    assert "EngineError: no Docker engine answers" in result.stdout
    assert "1 error" in result.stdout
