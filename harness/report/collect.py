"""Collect the parts of all processes into one session, and write its report."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from harness.errors import OutputError
from harness.report.model import Image, Part, Scenario, Session, Stack
from harness.report.outcome import failure_line, get_outcome, get_reason
from harness.report.sections import PART
from harness.report.versions import UNKNOWN, session_versions
from harness.report.write import append_summary, write_report

REMARK = "harness-remark"


class Collector:
    """pytest plugin of xdist's controller, or of pytest without xdist."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._started = dt.datetime.now(dt.UTC)
        self._scenarios: dict[str, Scenario] = {}
        self._stacks: dict[str, Stack] = {}
        self._images: dict[str, Image] = {}
        self._versions = session_versions()
        self._remarks: dict[str, None] = {}
        self._lines: list[tuple[str, bool]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = report.user_properties
        self._remarks.update({str(text): None for name, text in properties if name == REMARK})
        carried = getattr(report, PART, None)
        if carried is not None:
            self._take(Part.model_validate(carried), report)
        elif report.failed and report.nodeid in self._scenarios:  # its teardown failed
            self._scenarios[report.nodeid] = self._failed(self._scenarios[report.nodeid], report)
        elif report.failed and report.when not in ("setup", "call", "teardown"):  # its worker crashed
            blank = Scenario(node_id=report.nodeid, title=report.nodeid, outcome="failed", seconds=0)
            self._scenarios[report.nodeid] = self._failed(blank, report)

    def _take(self, part: Part, report: pytest.TestReport) -> None:
        scenario = part.scenario
        # A hook may have changed the outcome after the part was built, as pytest's xfail does.
        outcome = get_outcome(report)
        if outcome == "failed":
            scenario = self._failed(scenario, report)
        elif outcome != scenario.outcome:
            scenario = scenario.model_copy(update={"outcome": outcome, "reason": get_reason(report)})
        self._scenarios[report.nodeid] = scenario
        self._images.update(part.versions.images)
        if self._versions.airflow == UNKNOWN:
            self._versions = part.versions
        if part.stack:
            self._stacks[part.stack.stack_id] = part.stack

    @staticmethod
    def _failed(scenario: Scenario, report: pytest.TestReport) -> Scenario:
        why = scenario.failure or failure_line(report)
        return scenario.model_copy(update={"outcome": "failed", "failure": why})

    def session(self) -> Session:
        """Return the session as collected so far."""
        return Session(
            started=self._started,
            seconds=(dt.datetime.now(dt.UTC) - self._started).total_seconds(),
            versions=self._versions.model_copy(update={"images": dict(sorted(self._images.items()))}),
            stacks=tuple(self._stacks[name] for name in sorted(self._stacks)),
            scenarios=tuple(self._scenarios[node] for node in sorted(self._scenarios)),
            remarks=tuple(self._remarks),
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report after xdist's workers ended and before pytest's summary names it."""
        if not self._scenarios:
            return
        found = self.session()
        if self._folder:
            try:
                self._lines.append((f"report: {write_report(found, self._folder)}", False))
            except OutputError as error:
                self._lines.append((f"OutputError: {error}", True))
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            try:
                append_summary(found, Path(summary))
            except OutputError as error:  # The summary belongs to the CI service, so the exit status stays.
                self._lines.append((f"OutputError: {error}", True))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._scenarios:
            from harness.report.terminal import scenario_table  # imports rich, which an empty session doesn't need

            scenario_table(list(self._scenarios.values()), terminalreporter)
        for remark in self._remarks:
            terminalreporter.write_line(remark)
        for line, red in self._lines:
            terminalreporter.write_line(line, red=red)
