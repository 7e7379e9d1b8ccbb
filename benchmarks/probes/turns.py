"""Alternate: a scenario of the empty DAG, and its bare command, BENCH_TURNS times.

BENCH_BARE=0 skips the bare commands.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.bare import bare_run
from benchmarks.recording import Note
from harness.airflow.environments import AirflowEnvironment
from harness.services.stack import Stack
from harness.settings import Settings
from harness.world import World

TURNS = range(int(os.environ["BENCH_TURNS"]))


@pytest.mark.parametrize("turn", TURNS)
def test_scenario(world: World, turn: int) -> None:
    world.run("empty", "2021-01-01")


@pytest.mark.skipif(os.environ.get("BENCH_BARE") == "0", reason="BENCH_BARE is 0")
@pytest.mark.parametrize("turn", TURNS)
def test_bare(
    harness_airflow: AirflowEnvironment,
    harness_stack: Stack,
    harness_settings: Settings,
    tmp_path: Path,
    turn: int,
    note: Note,
) -> None:
    note(
        "bare",
        bare_run(harness_airflow, harness_stack.postgres, harness_settings.dags_folder, "empty", tmp_path / "bare"),
    )
