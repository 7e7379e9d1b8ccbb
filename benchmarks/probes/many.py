"""BENCH_TIMES empty scenarios.

After the scenarios numbered in BENCH_WEIGH the probe notes the host's megabytes.
"""

from __future__ import annotations

import os

import pytest

from benchmarks.host_memory import host_megabytes
from benchmarks.recording import Note
from harness.runtime_dir import hosts_folder
from harness.settings import Settings
from harness.world import World

WEIGHED = [int(number) for number in os.environ.get("BENCH_WEIGH", "").split(",") if number]


@pytest.mark.parametrize("number", range(1, int(os.environ["BENCH_TIMES"]) + 1))
def test_scenario(world: World, harness_settings: Settings, number: int, note: Note) -> None:
    world.run("empty", "2021-01-01")
    if number in WEIGHED:
        note("megabytes", host_megabytes(hosts_folder(harness_settings.root)))
