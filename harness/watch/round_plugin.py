"""The pytest plugin of a round: run the selected scenarios and report the results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from harness.watch.selection import Selection
from harness.world_factory import find_worlds, is_scenario


class RoundPlugin:
    """A plugin for one round.

    `files` are the files with selected scenarios. `send` is called at the end, with a RoundReport as JSON.
    """

    def __init__(self, selection: Selection, files: frozenset[Path], send: Callable[[str], None]) -> None:
        self._selection, self._files, self._send = selection, files, send
        self._collected: dict[str, str] = {}
        self._broken: list[str] = []
        self._outcomes: dict[str, str] = {}
        self._runs: dict[str, list[str]] = {}
        self._dag_files: dict[str, str] = {}

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Skip files without selected scenarios, so that they are not imported."""
        if self._selection.everything:
            return None
        path = _resolve(collection_path)
        return None if any(file.is_relative_to(path) for file in self._files) else True

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if report.failed:
            self._broken.append(str(collector.path))
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the selected scenarios: tests that use a world."""
        scenarios = [item for item in items if is_scenario(item)]
        self._collected = {item.nodeid: str(item.path) for item in scenarios}
        selected = [item for item in scenarios if self._is_selected(item)]
        if others := [item for item in items if item not in selected]:
            config.hook.pytest_deselected(items=others)
        items[:] = selected

    def _is_selected(self, item: pytest.Item) -> bool:
        selection = self._selection
        return selection.everything or item.nodeid in selection.scenarios or _resolve(item.path) in selection.files

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        runs = [run for world in find_worlds(item) for run in world.runs]
        self._runs[item.nodeid] = [run.dag_id for run in runs]
        for run in runs:
            self._dag_files.update(run.dag_files)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            has_failed = self._outcomes.get(report.nodeid) == "failed"
            self._outcomes[report.nodeid] = "failed" if has_failed else report.outcome

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        report: dict[str, Any] = {
            "collected": self._collected,
            "broken": self._broken,
            "outcomes": self._outcomes,
            "runs": self._runs,
            "dag_files": self._dag_files,
        }
        self._send(json.dumps(report))


def _resolve(path: Path) -> Path:
    return Path(os.path.realpath(path))
