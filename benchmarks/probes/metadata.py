"""Alternate: create and drop a clean metadata database, and run `airflow db migrate`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from benchmarks.bare import bare_migration
from benchmarks.recording import Note
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import fresh_database
from harness.services.stack import Stack

# Many in a row, because a single one comes from the pool and would not show the cost of refilling the pool.
ROW = 20


@pytest.mark.parametrize("turn", range(int(os.environ["BENCH_TURNS"])))
def test_clean(
    harness_airflow: AirflowEnvironment, harness_stack: Stack, tmp_path: Path, turn: int, note: Note
) -> None:
    began = time.monotonic()
    for _ in range(ROW):
        with fresh_database(harness_airflow, harness_stack.postgres):
            pass
    note("clean", (time.monotonic() - began) / ROW)
    note("migration", bare_migration(harness_airflow, harness_stack.postgres, tmp_path))


def test_up(harness_stack: Stack) -> None:
    pass
