"""The outcome of a pytest report, and its reason."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError, RunOutcomeError
from harness.report.model import Outcome


def get_outcome(report: pytest.TestReport) -> Outcome:
    return "passed" if report.passed else "not run" if report.skipped else "failed"


def failure_line(report: pytest.TestReport, error: BaseException | None = None) -> str:
    """Return why the test failed, in one line."""
    if isinstance(error, RunOutcomeError):
        return str(error)
    if isinstance(error, HarnessError):
        return f"{type(error).__name__}: {error}"
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else str(report.longrepr)).strip().splitlines()
    return lines[0] if lines else "(no message)"


def get_reason(report: pytest.TestReport) -> str:
    """Return why the test was skipped, or was expected to fail."""
    if (expected := getattr(report, "wasxfail", None)) is not None:
        return f"expected to fail: {expected}"
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")
