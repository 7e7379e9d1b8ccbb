"""A pytest plugin for the inner pytest of a benchmark: it writes down what each test took.

`-p benchmarks.recording` appends a line of JSON for every phase of every test to the file that BENCH_RECORD names. A
test that has measured something itself notes it with the fixture `note`. Tests with a parameter `turn` run turn by
turn, so that what is compared alternates; BENCH_ROUNDS gives every test that parameter, with so many values.
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
    """Notes one measurement under a name."""

    def noted(name: str, value: float) -> None:
        request.node.user_properties.append((NOTE, [name, value]))

    return noted


@pytest.fixture
def turn(request: pytest.FixtureRequest) -> int:
    """There has to be a fixture of that name; most tests don't ask for it."""
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
    """Notes what the runs inside a scenario took, as the harness says."""
    world = getattr(item, "funcargs", {}).get("world")
    if call.when == "call" and world is not None:
        item.user_properties += [(NOTE, ["run", run.seconds]) for run in world.runs if run.refused is None]
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Called in the controller, once for each phase, whichever worker of xdist ran it."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    notes = [value for name, value in report.user_properties if name == NOTE] if report.when == "teardown" else []
    line = {"test": report.nodeid, "phase": report.when, "seconds": report.duration, "notes": notes}
    with Path(os.environ["BENCH_RECORD"]).open("a") as file:
        file.write(json.dumps(line) + "\n")
