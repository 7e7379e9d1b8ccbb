"""What a report of pytest's comes down to: an outcome, and why."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError, RunOutcomeError
from harness.report.model import Outcome


def outcome_of(report: pytest.TestReport) -> Outcome:
    return "passed" if report.passed else "not run" if report.skipped else "failed"


def failure_line(report: pytest.TestReport, error: BaseException | None = None) -> str:
    """Why it failed, in one line."""
    if isinstance(error, RunOutcomeError):
        return str(error)
    if isinstance(error, HarnessError):
        return f"{type(error).__name__}: {error}"
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else str(report.longrepr)).strip().splitlines()
    return lines[0] if lines else "(no message)"


def reason_of(report: pytest.TestReport) -> str:
    """Why it was not run, or was let fail."""
    if (expected := getattr(report, "wasxfail", None)) is not None:
        return f"expected to fail: {expected}"
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")
