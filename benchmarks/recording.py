"""A pytest plugin for the inner pytest of a benchmark: record the duration of each test.

`-p benchmarks.recording` appends a line of JSON for every phase of every test to the file BENCH_RECORD. A test records
its own measurements with the fixture `note`. Tests with a parameter `turn` run turn by turn, so that both sides of a
comparison alternate. BENCH_ROUNDS adds that parameter to every test, with so many values.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

NOTE = "bench-note"


Note = Callable[[str, float], None]


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """A function that records a measurement under a name."""

    def record(name: str, value: float) -> None:
        request.node.user_properties.append((NOTE, [name, value]))

    return record


@pytest.fixture
def turn(request: pytest.FixtureRequest) -> int:
    """The number of the turn, which the indirect parameter needs even in tests without it."""
    return int(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if rounds := os.environ.get("BENCH_ROUNDS"):
        metafunc.fixturenames.append("turn")
        metafunc.parametrize("turn", range(int(rounds)), indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    callspec: Any = getattr(item, "callspec", None)
    return int(callspec.params.get("turn", 0)) if callspec else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record the durations of a scenario's runs, as measured by the harness."""
    world = getattr(item, "funcargs", {}).get("world")
    if call.when == "call" and world is not None:
        item.user_properties += [(NOTE, ["run", run.seconds]) for run in world.runs if run.refused is None]
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write a line for each phase, in the controller of xdist only."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    notes = [value for name, value in report.user_properties if name == NOTE] if report.when == "teardown" else []
    line = {"test": report.nodeid, "phase": report.when, "seconds": report.duration, "notes": notes}
    with Path(os.environ["BENCH_RECORD"]).open("a") as file:
        file.write(json.dumps(line) + "\n")
