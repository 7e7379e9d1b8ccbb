"""The order of scenarios that xdist's workers share."""

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

from harness.longest_first import CACHE_KEY, LongestFirst, deal_long_tests
from harness.settings import Settings
from tests.outer import CACHE, project, run_pytest

TESTS = """
import os, pytest
from pathlib import Path
from threading import Event

@pytest.mark.parametrize("number", range(24))
def test_it(number):
    if number in {long}:
        Event().wait(1.1)  # makes this a long test
    with Path(f"ran-{{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}}").open("a") as ran:
        ran.write(f"{{number}} ")
    assert number != 23
"""
WORKERS = ("-n", "2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path, TESTS.format(long="()"))


def first(folder: Path, settings: Settings, *arguments: str) -> list[int]:
    """Run pytest, assert that each test ran once, and return the first test of each worker, sorted."""
    for left in folder.glob("ran-*"):
        left.unlink()
    done = run_pytest(folder, settings.root, *arguments)
    assert "1 failed, 23 passed" in done.stdout, done.stdout
    ran = [[int(number) for number in file.read_text().split()] for file in folder.glob("ran-*")]
    assert sorted(chain.from_iterable(ran)) == list(range(24))
    return sorted(numbers[0] for numbers in ran)


@pytest.mark.at_length
def test_workers_begin_with_the_longest_tests(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, TESTS.format(long="(21, 22)"))
    by_the_files = first(folder, harness_settings, CACHE, *WORKERS)
    assert by_the_files == [0, 3], "nothing is known"
    assert first(folder, harness_settings, CACHE, *WORKERS) == [21, 22]
    assert first(folder, harness_settings, CACHE) == [0], "without workers"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [7, 22]),
        (("--failed-first",), [2, 23]),
        *(
            pytest.param(arguments, expected, marks=pytest.mark.at_length)
            for arguments, expected in (
                (("-p", "no:longest-first"), [0, 3]),
                (("--dist", "worksteal"), [0, 12]),
                (("--new-first",), [0, 3]),
                (("-p", "no:cacheprovider"), [0, 3]),
            )
        ),
    ],
    ids=["nothing else", "failed first", "not at all", "otherwise distributed", "new first", "no cache"],
)
def test_options_for_another_order_win(
    folder: Path, harness_settings: Settings, arguments: tuple[str, ...], expected: list[int]
) -> None:
    store_durations(folder, {f"test_it.py::test_it[{number}]": 2.0 for number in (7, 22)})
    store_in_cache(folder, "cache/lastfailed", {"test_it.py::test_it[23]": True})
    assert first(folder, harness_settings, CACHE, *WORKERS, *arguments) == expected


def test_short_and_removed_tests_are_forgotten(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, TESTS.format(long="(21,)"))
    file = store_durations(
        folder, {"test_it.py::test_it[3]": 2.0, "test_gone.py::test_it": 2.0, "test_it.py::test_other": 3.0}
    )
    first(folder, harness_settings, CACHE)
    kept = json.loads(file.read_text())
    # The duration of a test that did not run stays in the cache as long as the test's file exists.
    assert sorted(kept) == ["test_it.py::test_it[21]", "test_it.py::test_other"]


@pytest.mark.parametrize(
    "content", ["[]", pytest.param('{"test_it.py::test_it[7]": "long"}', marks=pytest.mark.at_length)]
)
def test_a_damaged_cache_is_ignored(folder: Path, harness_settings: Settings, content: str) -> None:
    store_durations(folder, {}).write_text(content)
    assert first(folder, harness_settings, CACHE, *WORKERS) == [0, 3]


def store_durations(folder: Path, seconds: dict[str, float]) -> Path:
    return store_in_cache(folder, CACHE_KEY, seconds)


def store_in_cache(folder: Path, name: str, content: object) -> Path:
    """Write pytest's cache as an earlier run does."""
    file = folder / ".pytest_cache" / "v" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


class Worker:
    """A worker for the scheduler that runs no tests."""

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id=id(self))
        self.shutting_down = False
        self.todo: list[int] = []

    def send_runtest_some(self, tests: Sequence[int]) -> None:
        self.todo += tests

    def shutdown(self) -> None:
        self.shutting_down = True


def makespan(durations: Sequence[float], workers: int) -> tuple[float, list[int]]:
    """Simulate a session; return the seconds until all workers are done, and the tests in the order of their end.

    As in xdist, a worker begins a test only when it knows its next test, or that there is none.
    """
    order = deal_long_tests(durations, workers)
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


@pytest.mark.parametrize("registered_first", [True, False])
def test_a_part_of_the_tests_is_chosen_before_they_are_ordered(registered_first: bool) -> None:
    """Otherwise pytest-split's parts on two machines could share a test, because their durations differ."""
    names = [f"test_{number}" for number in range(8)]
    seen: list[list[str]] = []

    class Split:
        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(self, items: list[Any]) -> None:
            seen.append([item.nodeid for item in items])
            del items[4:]

    given = {CACHE_KEY: {"test_3": 9.0}, "workercount": 1}
    plugins = [LongestFirst(SimpleNamespace(workerinput=given)), Split()]  # type: ignore[arg-type]
    manager = pytest.PytestPluginManager()
    for plugin in plugins if registered_first else reversed(plugins):
        manager.register(plugin)
    items = [SimpleNamespace(nodeid=name) for name in names]
    manager.hook.pytest_collection_modifyitems(session=None, config=None, items=items)
    assert seen == [names]
    assert [item.nodeid for item in items] == ["test_3", "test_0", "test_1", "test_2"]
