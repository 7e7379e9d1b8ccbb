"""The table of `make lines`, from each line's JUnit file."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from tools.airflow_lines import Outcome, read, show

JUNIT = """<testsuites><testsuite>
<testcase classname="scenarios.test_a" name="test_good"/>
<testcase classname="scenarios.test_a" name="test_bad"><failure message="no">no</failure></testcase>
<testcase classname="scenarios.test_b" name="test_broken"><error message="no">no</error></testcase>
<testcase classname="scenarios.test_b" name="test_other"><skipped message="no engine"/></testcase>
<testcase classname="scenarios.test_b" name="test_more"><skipped message="no engine"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def junit(tmp_path: Path) -> Path:
    file = tmp_path / "lines.xml"
    file.write_text(JUNIT)
    return file


def test_each_scenario_is_counted_once(junit: Path) -> None:
    found = read("3.1", "3.12.1", junit, 1)
    assert (found.passed, found.failed) == (1, ("test_a::test_bad", "test_b::test_broken"))
    assert found.not_run == {"test_b::test_other": "no engine", "test_b::test_more": "no engine"}
    assert not found.is_good


def test_a_reason_is_shown_once(junit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(Console(width=100), [read("3.1", "3.12.1", junit, 1)])
    shown = capsys.readouterr().out
    assert "3.1: test_a::test_bad failed" in shown
    assert "3.1: not run, no engine: test_b::test_other, test_b::test_more" in shown


@pytest.mark.parametrize(
    ("outcome", "is_good"),
    [
        (Outcome("3.1", "3.12.1", 1, (), {"a": "why"}), True),
        (Outcome("3.1", "3.12.1", 0, (), {"a": "why"}), False),
        (Outcome("3.1", "3.12.1", 1, ("a",), {}), False),
        (Outcome("3.1", "3.12.1", 1, (), {}, "no Python"), False),
    ],
)
def test_a_line_without_a_passed_scenario_is_not_good(outcome: Outcome, is_good: bool) -> None:
    assert outcome.is_good == is_good


def test_an_abnormal_end_of_pytest_is_a_fault(junit: Path, tmp_path: Path) -> None:
    assert read("3.1", "3.12.1", tmp_path / "none.xml", 4).fault == "pytest exited with 4 and wrote no none.xml"
    junit.write_text(JUNIT.replace("failure", "system-out").replace("error", "system-out"))
    assert read("3.1", "3.12.1", junit, 2).fault == "pytest exited with 2"
    assert read("3.1", "3.12.1", junit, 0).fault is None
