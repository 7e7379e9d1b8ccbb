"""A scenario that lost its warm host is run again, in a fresh world, and shown as green at the second try only."""

from __future__ import annotations

import os
from copy import copy

import pytest
from _pytest.runner import call_and_report

from harness.errors import HostLostError

LOST = pytest.StashKey[str]()
NOTE = "harness-second-try"


def note_loss(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """To be called for every phase of a scenario."""
    if call.excinfo and isinstance(call.excinfo.value, HostLostError):
        item.stash[LOST] = str(call.excinfo.value)


def run(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """The reports of the item's phases: those of a second try where the first one lost its host."""
    reports = _phases(item, nextitem)
    lost = item.stash.get(LOST, None)
    if lost is None:
        return reports
    del item.stash[LOST]
    item._initrequest()  # type: ignore[attr-defined] # forgets the fixtures' values of the first try
    reports = _phases(item, nextitem)
    for report in reports:
        report.user_properties.append((NOTE, lost))
        if report.when == "call" and report.passed and in_ci():
            report.outcome = "failed"
            report.longrepr = f"HostLostError: green only at the second try: {lost}"
    return reports


def _phases(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    reports = [call_and_report(item, "setup", log=False)]
    if reports[0].passed:
        reports.append(call_and_report(item, "call", log=False))
    # What the session and the module share must live on for a second try: to pytest, a copy is another item beside it.
    following = copy(item) if LOST in item.stash else nextitem
    reports.append(call_and_report(item, "teardown", log=False, nextitem=following))
    return reports


def in_ci() -> bool:
    """By the variable that every CI service sets."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")
