"""pytest's part of a round: only what was chosen is looked into and run, and what came of it is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from harness.fixtures import WORLD
from harness.watch.choice import Choice


class Chosen:
    """A plugin of one round. `looked_into` are the files that hold what was chosen; `tell` gets JSON (notes.Told)."""

    def __init__(self, choice: Choice, looked_into: frozenset[Path], tell: Callable[[str], None]) -> None:
        self._choice, self._looked_into, self._tell = choice, looked_into, tell
        self._collected: dict[str, str] = {}
        self._broken: list[str] = []
        self._outcomes: dict[str, str] = {}
        self._runs: dict[str, list[str]] = {}
        self._dag_files: dict[str, str] = {}

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Spares the import of files that hold nothing chosen."""
        if self._choice.everything:
            return None
        here = _real(collection_path)
        return None if any(file.is_relative_to(here) for file in self._looked_into) else True

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
        """A scenario is what asks for a world."""
        scenarios = [item for item in items if "world" in getattr(item, "fixturenames", ())]
        self._collected = {item.nodeid: str(item.path) for item in scenarios}
        kept = [item for item in scenarios if self._is_chosen(item)]
        if others := [item for item in items if item not in kept]:
            config.hook.pytest_deselected(items=others)
        items[:] = kept

    def _is_chosen(self, item: pytest.Item) -> bool:
        chosen = self._choice
        return chosen.everything or item.nodeid in chosen.scenarios or _real(item.path) in chosen.files

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        world = item.stash.get(WORLD, None)
        runs = world.runs if world else []
        self._runs[item.nodeid] = [run.dag_id for run in runs]
        for run in runs:
            self._dag_files.update(run.dag_files)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            worst = self._outcomes.get(report.nodeid) == "failed"
            self._outcomes[report.nodeid] = "failed" if worst else report.outcome

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        told: dict[str, Any] = {
            "collected": self._collected,
            "broken": self._broken,
            "outcomes": self._outcomes,
            "runs": self._runs,
            "dag_files": self._dag_files,
        }
        self._tell(json.dumps(told))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
