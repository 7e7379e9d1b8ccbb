"""The deprecations in the evidence of the baseline."""

from __future__ import annotations

from harness.compare.deprecations import list_deprecations
from harness.evidence.document import FolderDocument, WarningDocument
from tests.compare.builders import run, scenario, side


def test_the_baselines_deprecations_are_listed_once() -> None:
    old = WarningDocument(text="use the SDK", category="RemovedInAirflow4Warning", file="orders.py", line=3)
    other = WarningDocument(text="slow", category="UserWarning", file="orders.py", line=4)
    repeated = WarningDocument(text="`a.b` is deprecated.", category="UserWarning", file="orders.py", line=5)
    scenarios = [scenario(run(warnings=(old, other, repeated, old)), name=name) for name in "ab"]
    unrun = old.model_copy(update={"file": "unrun.py"})

    section = list_deprecations(side(*scenarios, folder=FolderDocument(schedules={}, warnings=(old, unrun))))

    assert section.rows == (
        ("orders.py:3", "use the SDK", "2"),
        ("orders.py:5", "`a.b` is deprecated.", "2"),
        ("unrun.py:3", "use the SDK", "0"),
    )
    assert list_deprecations(side()).note == "nothing found"
