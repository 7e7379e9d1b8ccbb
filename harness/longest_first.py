"""Start the longest tests first where xdist's workers share them, so that none is left running alone at the end.

pytest's cache keeps how long each long test took. With `-n` the controller hands these durations to the workers, and
every worker orders what it collected in the same way. The order of the files stays without `-n`, in a first run, with
another `--dist`, with `--failed-first`, `--new-first` and `--stepwise`, and with `-p no:longest-first`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

NAME = "longest-first"
KEPT = f"harness/{NAME}"
"""Key in pytest's cache and in xdist's workerinput: the seconds of each long test, by its node id."""
LONG = 1.0
"""Seconds. Moving a shorter test gains less than parting it from tests that share a fixture with it."""
OTHER_ORDERS = ("failedfirst", "newfirst", "stepwise")


class LongestFirst:
    """Plugin of every pytest process: the controller or a lone pytest keeps durations, workers order their tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._workerinput: Mapping[str, Any] | None = getattr(config, "workerinput", None)
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # none with `-p no:cacheprovider`
        self._known = {} if self._workerinput else self._read()
        self._seen: dict[str, float] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        option = self._config.option
        if option.dist == "load" and not any(getattr(option, name, False) for name in OTHER_ORDERS):
            node.workerinput[KEPT] = self._known

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._workerinput and (known := self._workerinput.get(KEPT)):
            order = deal_long_tests([known.get(item.nodeid, 0.0) for item in items], self._workerinput["workercount"])
            items[:] = [items[number] for number in order]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":  # the setup of a worker's first scenario holds the start of the services
            self._seen[report.nodeid] = report.duration

    def pytest_sessionfinish(self) -> None:
        if self._cache and self._seen and not self._workerinput:
            root = self._config.rootpath
            latest = self._known | self._seen
            there = {test for test in latest if (root / test.partition("::")[0]).exists()}
            self._cache.set(KEPT, {test: latest[test] for test in sorted(there) if latest[test] >= LONG})

    def _read(self) -> dict[str, float]:
        """The durations in the cache; empty where it holds anything else."""
        found = self._cache.get(KEPT, None) if self._cache else None
        return {k: v for k, v in found.items() if isinstance(v, float)} if isinstance(found, dict) else {}


def deal_long_tests(seconds: Sequence[float], workers: int) -> list[int]:
    """An order of tests, as indices into `seconds`, in which each worker's first share begins with long tests.

    xdist hands each worker a share of consecutive tests at the start, and the rest on demand. The long tests are dealt
    to these shares in turn; all others keep their order.
    """
    share = max(len(seconds) // workers // 4, 2)  # as xdist's LoadScheduling does; a wrong guess costs only balance
    long = sorted((n for n, taken in enumerate(seconds) if taken >= LONG), key=lambda n: -seconds[n])
    short = [n for n, taken in enumerate(seconds) if taken < LONG]
    order: list[int] = []
    for worker in range(workers):
        own = long[worker : workers * share : workers]
        order += own + short[: share - len(own)]
        del short[: share - len(own)]
    return order + long[workers * share :] + short
