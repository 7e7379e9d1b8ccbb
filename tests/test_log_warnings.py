"""Warnings in the logs of both Airflow lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evidence.document import WarningDocument
from harness.evidence.log_warnings import find_warning_documents

LOGS = Path(__file__).parent / "report" / "logs"
DAGS = Path("/project/dags")


def find(log: str) -> list[tuple[str, str, str | None, int | None]]:
    return [(w.text, w.category, w.file, w.line) for w in find_warning_documents(log, DAGS, str)]


@pytest.mark.parametrize("line", ["2.11", "3.3"])
def test_real_logs_of_both_lines_have_equal_warnings(line: str) -> None:
    found = [each for each in find((LOGS / f"airflow-{line}.txt").read_text()) if "TaskGroup" not in each[0]]
    assert found == [
        ("a warning of the good task", "warning", "fails.py", 16),
        ("attempt 1 warns", "warning", "fails.py", 24),
        ("attempt 2 warns", "warning", "fails.py", 24),
        ("mapped 1", "warning", "fails.py", 34),
        ("mapped 2", "warning", "fails.py", 34),
        ("mapped 3", "warning", "fails.py", 34),
        ("python warns", "UserWarning", "fails.py", 25),
    ]


@pytest.mark.parametrize(
    ("log", "found"),
    [
        (
            "/venv/lib/python3.11/site-packages/airflow/x.py:22 RemovedInAirflow3Warning: old\n  import x",
            ("old", "RemovedInAirflow3Warning", "site-packages/airflow/x.py", 22),
        ),
        (
            "/opt/packages/airflow/x.py:22 RemovedInAirflow3Warning: old",
            ("old", "RemovedInAirflow3Warning", "site-packages/airflow/x.py", 22),
        ),
        (
            "[2026-11-23T09:36:41.004+0000] {warnings.py:109} WARNING - /project/dags/a/b.py:3: FutureWarning: soon",
            ("soon", "FutureWarning", "a/b.py", 3),
        ),
        (
            "2026-11-23T09:36:32Z [warning  ] two\nlines [py.warnings] category=FutureWarning "
            "filename=/project/dags/a.py lineno=3\nnoise",
            ("two\nlines", "FutureWarning", "a.py", 3),
        ),
        ("2026-11-23T09:36:32Z [warning  ] no end\n2026-11-23T09:36:33Z [info ] x", ("no end", "warning", None, None)),
        ("2026-11-23T09:36:32Z [warning  ] said   [mine]", ("said", "warning", None, None)),
    ],
)
def test_a_warning_has_its_place(log: str, found: tuple[str, str, str | None, int | None]) -> None:
    assert find(log) == [found]


def test_each_warning_occurs_once_and_noise_is_left_out() -> None:
    log = "/a.py:1: UserWarning: x\n/a.py:1: UserWarning: x\n/b.py:1: UserWarning: Could not import graphviz"
    assert find_warning_documents(log, DAGS, str) == (
        WarningDocument(text="x", category="UserWarning", file="/a.py", line=1),
    )
    assert find("2026-11-23T09:36:32Z [info     ] fine") == []
