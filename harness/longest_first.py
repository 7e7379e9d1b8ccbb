"""Start the longest tests first under xdist, so no long test runs alone at the end.

pytest's cache stores the durations of long tests. With `-n` the controller sends these durations to the workers, and
every worker orders its collected tests in the same way. The order stays unchanged without `-n`, in a first run, with
another `--dist`, with `--failed-first`, `--new-first` and `--stepwise`, and with `-p no:longest-first`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

NAME = "longest-first"
CACHE_KEY = f"harness/{NAME}"
"""Key in pytest's cache and in xdist's workerinput. Value: node id of each long test -> seconds."""
LONG = 1.0
"""Seconds. Moving a shorter test saves less time than separating tests that share a fixture costs."""
OTHER_ORDERS = ("failedfirst", "newfirst", "stepwise")


class LongestFirst:
    """Plugin of pytest: workers order their tests, other processes store the durations."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._workerinput: Mapping[str, Any] | None = getattr(config, "workerinput", None)
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # None with `-p no:cacheprovider`
        self._known = {} if self._workerinput else self._read()
        self._seen: dict[str, float] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        option = self._config.option
        if option.dist == "load" and not any(getattr(option, name, False) for name in OTHER_ORDERS):
            node.workerinput[CACHE_KEY] = self._known

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        # pytest-split has chosen this machine's part by then. The choice depends on the order, and the durations differ
        # from machine to machine.
        yield
        if self._workerinput and (known := self._workerinput.get(CACHE_KEY)):
            order = deal_long_tests([known.get(item.nodeid, 0.0) for item in items], self._workerinput["workercount"])
            items[:] = [items[number] for number in order]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":  # the setup of a worker's first scenario includes the start of the services
            self._seen[report.nodeid] = report.duration

    def pytest_sessionfinish(self) -> None:
        if self._cache and self._seen and not self._workerinput:
            root = self._config.rootpath
            latest = self._known | self._seen
            there = {test for test in latest if (root / test.partition("::")[0]).exists()}
            self._cache.set(CACHE_KEY, {test: latest[test] for test in sorted(there) if latest[test] >= LONG})

    def _read(self) -> dict[str, float]:
        """Return the durations in the cache; malformed entries are ignored."""
        stored = self._cache.get(CACHE_KEY, None) if self._cache else None
        return {k: v for k, v in stored.items() if isinstance(v, float)} if isinstance(stored, dict) else {}


def deal_long_tests(seconds: Sequence[float], workers: int) -> list[int]:
    """Return indices into `seconds` so that each worker's first share begins with long tests.

    xdist sends each worker a share of consecutive tests at the start, and the rest on demand. The long tests are dealt
    to these shares in turn; all others keep their order.
    """
    share = max(len(seconds) // workers // 4, 2)  # as in xdist's LoadScheduling; another value costs only balance
    long = sorted((n for n, taken in enumerate(seconds) if taken >= LONG), key=lambda n: -seconds[n])
    short = [n for n, taken in enumerate(seconds) if taken < LONG]
    order: list[int] = []
    for worker in range(workers):
        own = long[worker : workers * share : workers]
        order += own + short[: share - len(own)]
        del short[: share - len(own)]
    return order + long[workers * share :] + short
