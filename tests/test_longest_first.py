"""The order of scenarios where workers share them."""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScheduling

from harness.longest_first import KEPT, dealt
from harness.settings import Settings
from tests.outer import CACHE, project, run_pytest

TESTS = """
import os, pytest
from pathlib import Path
from threading import Event

@pytest.mark.parametrize("number", range(24))
def test_it(number):
    if number in {long}:
        Event().wait(1.1)  # what it takes is what matters here
    with Path(f"ran-{{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}}").open("a") as ran:
        ran.write(f"{{number}} ")
    assert number != 23
"""
WORKERS = ("-n", "2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path, TESTS.format(long="()"))


def first(folder: Path, settings: Settings, *arguments: str) -> list[int]:
    """The first test of each worker, sorted. All tests have run, each once."""
    for left in folder.glob("ran-*"):
        left.unlink()
    done = run_pytest(folder, settings.root, *arguments)
    assert "1 failed, 23 passed" in done.stdout, done.stdout
    ran = [[int(number) for number in file.read_text().split()] for file in folder.glob("ran-*")]
    assert sorted(chain.from_iterable(ran)) == list(range(24))
    return sorted(numbers[0] for numbers in ran)


def test_workers_begin_with_what_took_longest(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, TESTS.format(long="(21, 22)"))
    by_the_files = first(folder, harness_settings, CACHE, *WORKERS)
    assert by_the_files == [0, 3], "nothing is known"
    assert first(folder, harness_settings, CACHE, *WORKERS) == [21, 22]
    assert first(folder, harness_settings, CACHE) == [0], "without workers"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [7, 22]),
        (("-p", "no:longest-first"), [0, 3]),
        (("--dist", "worksteal"), [0, 12]),
        (("--new-first",), [0, 3]),
        (("--failed-first",), [2, 23]),
        (("-p", "no:cacheprovider"), [0, 3]),
    ],
    ids=["nothing else", "not at all", "otherwise distributed", "new first", "failed first", "no cache"],
)
def test_whoever_asks_for_another_order_has_it(
    folder: Path, harness_settings: Settings, arguments: tuple[str, ...], expected: list[int]
) -> None:
    known(folder, {f"test_it.py::test_it[{number}]": 2.0 for number in (7, 22)})
    cached(folder, "cache/lastfailed", {"test_it.py::test_it[23]": True})
    assert first(folder, harness_settings, CACHE, *WORKERS, *arguments) == expected


def test_what_is_not_long_any_more_or_not_there_is_forgotten(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, TESTS.format(long="(21,)"))
    file = known(folder, {"test_it.py::test_it[3]": 2.0, "test_gone.py::test_it": 2.0, "test_it.py::test_other": 3.0})
    first(folder, harness_settings, CACHE)
    kept = json.loads(file.read_text())
    # Of a test that did not run there may be more to know: it stays as long as its file does.
    assert sorted(kept) == ["test_it.py::test_it[21]", "test_it.py::test_other"]


@pytest.mark.parametrize("content", ["[]", '{"test_it.py::test_it[7]": "long"}'])
def test_a_damaged_memory_is_none(folder: Path, harness_settings: Settings, content: str) -> None:
    known(folder, {}).write_text(content)
    assert first(folder, harness_settings, CACHE, *WORKERS) == [0, 3]


def known(folder: Path, seconds: dict[str, float]) -> Path:
    return cached(folder, KEPT, seconds)


def cached(folder: Path, name: str, content: object) -> Path:
    """Writes pytest's cache as an earlier run would have."""
    file = folder / ".pytest_cache" / "v" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


class Worker:
    """What the scheduler sees of one; it runs nothing."""

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id=id(self))
        self.shutting_down = False
        self.todo: list[int] = []

    def send_runtest_some(self, tests: Sequence[int]) -> None:
        self.todo += tests

    def shutdown(self) -> None:
        self.shutting_down = True


def makespan(durations: Sequence[float], workers: int) -> tuple[float, list[int]]:
    """Seconds until all workers are done, and the tests in the order in which they ended, by a clock of our own.

    As in xdist, a worker begins a test only when it knows the next one, or that there is none.
    """
    order = dealt(durations, workers)
    names = [f"test_{number}" for number in order]
    config: Any = SimpleNamespace(
        getvalue={"tx": ["popen"] * workers}.__getitem__, getoption={"maxschedchunk": None}.__getitem__
    )
    deals = LoadScheduling(config, Producer("none", enabled=False))
    session: list[Any] = [Worker() for _ in range(workers)]
    for worker in session:
        deals.add_node(worker)
        deals.add_node_collection(worker, names)
    deals.schedule()
    ended: list[int] = []
    running: list[tuple[float, int, int]] = []
    now = 0.0

    def begin() -> None:
        for number, worker in enumerate(session):
            busy = any(one[1] == number for one in running)
            if not busy and (len(worker.todo) > 1 or (worker.todo and worker.shutting_down)):
                place = worker.todo.pop(0)
                heapq.heappush(running, (now + durations[order[place]], number, place))

    begin()
    while running:
        now, number, place = heapq.heappop(running)
        ended.append(order[place])
        deals.mark_test_complete(session[number], place, durations[order[place]])
        begin()
    return now, ended


@pytest.mark.parametrize(
    "durations",
    [
        [0.2] * 18 + [60, 50],
        [0.2] * 100 + [5.0] * 8,
        [*[0.7] * 12, 1.2, 1.4, 1.5, 1.8, 2.0, 2.2, 6.0, 6.1, 6.3, 9.4],
        [3.0] * 8,
        [8.0, 1.0],
        [8.0, 0.1, 0.1],
        [0.1] * 40,
        [0.1],
    ],
    ids=["two very long", "many short", "a real suite", "long alone", "two", "three", "short alone", "one"],
)
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_end_together(durations: list[float], workers: int) -> None:
    seconds, ended = makespan(durations, workers)
    assert sorted(ended) == list(range(len(durations))), "every test ran once"
    least = max(max(durations), sum(durations) / workers)
    assert seconds <= least * 1.07
