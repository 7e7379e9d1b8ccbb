"""Where workers of xdist share the scenarios, the longest begin first: else one may begin when all others are done.

How long a test took when it last ran is kept in pytest's cache. With `-n` the controller deals the long ones first, one
at a time, and then the others as xdist does: in the order of the files, a handful at once. So a first run, of which
nothing is known, goes by the files, as do other ways to distribute (`--dist`, a project's own scheduler), a run that is
asked for another order (`--failed-first`, `--new-first`, `--stepwise`), and one with `-p no:longest-first`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest

NAME = "longest-first"
KEPT = f"harness/{NAME}"
"""In pytest's cache: the seconds of each long test, by its node id."""
LONG = 1.0
"""Seconds. Less is not worth another order, which tears tests from neighbours that share a fixture with them."""
OTHER_ORDERS = ("failedfirst", "newfirst", "stepwise")


class LongestFirst:
    """The plugin, in the process that sees every report."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # none with `-p no:cacheprovider`
        self._seen: dict[str, float] = {}

    @pytest.hookimpl(optionalhook=True, wrapper=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Generator[None, Any, Any]:
        from xdist.scheduler import LoadScheduling

        chosen = yield
        if type(chosen) is not LoadScheduling or any(config.getoption(name, False) for name in OTHER_ORDERS):
            return chosen
        known = self._known()
        return scheduler(config, log, known) if known else chosen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":  # not the setup: for one test of each worker it has the start of the services
            self._seen[report.nodeid] = report.duration

    def pytest_sessionfinish(self) -> None:
        if self._cache and self._seen:
            root = self._config.rootpath
            latest = self._known() | self._seen
            there = {test for test in latest if (root / test.partition("::")[0]).exists()}
            self._cache.set(KEPT, {test: latest[test] for test in sorted(there) if latest[test] >= LONG})

    def _known(self) -> dict[str, float]:
        """Whatever else somebody may have left there is nothing."""
        found = self._cache.get(KEPT, None) if self._cache else None
        return {k: v for k, v in found.items() if isinstance(v, float)} if isinstance(found, dict) else {}


def scheduler(config: pytest.Config, log: Any, seconds: Mapping[str, float]) -> Any:
    """xdist's own, but for what is sent to a worker: first those tests that are in `seconds`, by node id.

    Sending is xdist's inner affair, with no hook; tests/test_longest_first.py deals by it and would notice a change.
    """
    from xdist.scheduler import LoadScheduling

    class Scheduler(LoadScheduling):  # type: ignore[misc]  # xdist says nothing of its types
        def _send_tests(self, node: Any, num: int) -> None:
            def taken(test: int) -> float:
                return seconds.get(self.collection[test], 0.0)

            if any(map(taken, self.pending)):
                *others, longest = sorted(self.pending, key=taken)
                # A worker begins a test when it has another one to go on with: that is to be short.
                chosen = [longest] if self.node2pending[node] else [longest, *others][: min(num, 2)]
                self.pending[:] = chosen + [test for test in self.pending if test not in chosen]
                num = len(chosen)
            super()._send_tests(node, num)

    return Scheduler(config, log)
