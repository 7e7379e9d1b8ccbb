"""In turn: all services from nothing side by side, and one after another. Images are there before."""

from __future__ import annotations

import os
import time

import pytest

from benchmarks.recording import Note
from harness.progress import shown
from harness.services.fleet import Fleet, new_run
from harness.services.stack import stack_in_fleet
from harness.settings import Settings


@pytest.mark.parametrize("turn", range(int(os.environ["BENCH_TURNS"])))
@pytest.mark.parametrize("how", ["side by side", "one after another"])
def test_start(settings: Settings, how: str, turn: int, note: Note) -> None:
    fleet = Fleet(settings.root, new_run())
    try:
        began = time.monotonic()
        with shown() as progress, stack_in_fleet(fleet, settings, {}, progress, side_by_side=how == "side by side"):
            note(how, time.monotonic() - began)
    finally:
        fleet.end(orderly=True)
