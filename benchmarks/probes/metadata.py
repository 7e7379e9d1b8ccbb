"""In turn: a clean metadata database for a scenario, made and dropped, and `airflow db migrate` on an empty one."""

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

# Many at a stretch: one alone is lent from a stock, and what filling that up costs would not be seen.
ROW = 20


@pytest.mark.parametrize("turn", range(int(os.environ["BENCH_TURNS"])))
def test_clean(harness_airflow: AirflowEnvironment, stack: Stack, tmp_path: Path, turn: int, note: Note) -> None:
    began = time.monotonic()
    for _ in range(ROW):
        with fresh_database(harness_airflow, stack.postgres):
            pass
    note("clean", (time.monotonic() - began) / ROW)
    note("migration", bare_migration(harness_airflow, stack.postgres, tmp_path))


def test_up(stack: Stack) -> None:
    pass
