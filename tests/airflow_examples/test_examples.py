"""Airflow's example DAGs: the bare command and both runners end with the expected exit code.

`make examples` runs these tests on two Airflow lines.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import fresh_database
from harness.airflow.runners import Execute, process
from harness.errors import RunOutcomeError
from harness.world import World
from tests.airflow_examples import DATE, FAIL_ON, ON_BOTH_LINES, ONLY_IN_AIRFLOW_2, SINCE_AIRFLOW_3, copy_examples

BARE_TIMEOUT = 300

pytestmark = pytest.mark.at_length


@pytest.fixture(scope="session")
def examples(harness_airflow: AirflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dags folder with the examples of the Airflow environment."""
    return copy_examples(harness_airflow, tmp_path_factory.mktemp("examples"))


@pytest.fixture
def bare(world: World, examples: Path, tmp_path: Path) -> Callable[[str], int]:
    """A function that returns the exit code of the command as a user types it, with a clean metadata database."""

    def run(dag_id: str) -> int:
        home = tmp_path / "bare"
        home.mkdir()
        with fresh_database(world.airflow, world.stack.postgres) as url:
            env = {
                **os.environ,
                "PATH": f"{world.airflow.python.parent}{os.pathsep}{os.environ['PATH']}",
                "AIRFLOW_HOME": str(home),
                "AIRFLOW__CORE__DAGS_FOLDER": str(examples),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
                **plugins(examples),
            }
            with (home / "log").open("wb") as log:
                command = ["airflow", "dags", "test", dag_id, DATE]
                done = subprocess.run(
                    command, env=env, cwd=home, stdout=log, stderr=log, timeout=BARE_TIMEOUT, check=False
                )
        return done.returncode

    return run


def plugins(examples: Path) -> Mapping[str, str]:
    """Return the setting with which Airflow loads the examples' plugins."""
    return {"AIRFLOW__CORE__PLUGINS_FOLDER": str(examples / "plugins")}


@pytest.mark.parametrize("dag_id", [*ON_BOTH_LINES, *SINCE_AIRFLOW_3, *ONLY_IN_AIRFLOW_2])
def test_both_runners_and_the_bare_command_end_with_the_expected_exit_code(
    dag_id: str, world: World, examples: Path, harness_execute: Execute, bare: Callable[[str], int]
) -> None:
    if dag_id in (ONLY_IN_AIRFLOW_2 if world.airflow.major >= 3 else SINCE_AIRFLOW_3):
        pytest.skip(f"not run: Airflow {world.airflow.airflow_version} has no {dag_id}")
    assert harness_execute is not process.execute, "this test needs --harness-runner warm"
    world.settings = world.settings.model_copy(update={"dags_folder": examples})
    exit_codes = {"expected": int(world.airflow.major in FAIL_ON.get(dag_id, ())), "bare": bare(dag_id)}
    for runner, execute in {"process": process.execute, "warm": harness_execute}.items():
        by_runner = replace(world, execute=execute, runs=world.runs)
        with suppress(RunOutcomeError):
            by_runner.run(dag_id, DATE, environment=plugins(examples))
        exit_codes[runner] = by_runner.runs[-1].exit_code
    assert set(exit_codes.values()) == {exit_codes["expected"]}, exit_codes
