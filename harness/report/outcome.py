"""The outcome of a pytest report, and its reason."""

from __future__ import annotations

from traceback import walk_tb

import pytest

from harness.errors import HarnessError, RunOutcomeError
from harness.report.model import Outcome
from harness.report.task_log import limit_lines

CHECK_LINES = 300
"""Lines of a failed check that a report keeps; a longer text loses its beginning."""


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


def find_place(item: pytest.Item, error: BaseException) -> str | None:
    """Return `file:line` of the test where `error` was raised.

    Return None if the test's file was not reached.
    """
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == str(item.path)]
    return f"{item.location[0]}:{lines[-1]}" if lines else None


def failed_check(report: pytest.TestReport, error: BaseException | None) -> str | None:
    """Return what pytest shows of an exception of the test.

    pytest shows the test's source, and the difference of a comparison. A HarnessError is one line, which `failure_line`
    returns.
    """
    if isinstance(error, HarnessError):
        return None
    return "\n".join(limit_lines(report.longreprtext.splitlines(), CHECK_LINES))


def get_reason(report: pytest.TestReport) -> str:
    """Return why the test was skipped, or was expected to fail."""
    if (expected := getattr(report, "wasxfail", None)) is not None:
        return f"expected to fail: {expected}"
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")
