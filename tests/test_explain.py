from __future__ import annotations

from pathlib import Path

import pytest

from harness.airflow.dagbag import DagBag, DagFacts
from harness.explain import why_no_run, why_no_task


def told(
    date: str, start: str | None = "2015-01-01T00:00:00+00:00", end: str | None = "2023-12-21T12:00:00+00:00"
) -> str:
    return why_no_task(DagBag({"d": DagFacts("d.py", start, end)}, {}), "d", date)


WITHIN = "no task was executed, although the date is within the DAG's dates: has the DAG any task for it?"


@pytest.mark.parametrize(
    "date",
    [
        "2015-01-01",
        "20150101",
        "2015-W01-4",
        "2015-01-01T02:00:00+02:00",
        "2014-12-31T19:00:00-05:00",
        "20200701",
        "2021-W01-1",
        "2023-12-21",
        "2023-12-21T12:00:00",
        "2023-12-21T12:00:00Z",
        "2023-12-22T01:00:00+13:00",
    ],
)
def test_dates_on_and_between_both_ends(date: str) -> None:
    assert told(date) == WITHIN


@pytest.mark.parametrize(
    "date",
    [
        "2014-12-31",
        "20141231",
        "2015-W01-3",
        "2014-12-31T23:59:59",
        "2015-01-01T00:00:00+01:00",
        "2023-12-22",
        "2023-12-21T12:00:01",
        "2023-12-21T12:00:00-01:00",
        "2023-W51-5",
    ],
)
def test_dates_just_outside(date: str) -> None:
    assert told(date) == (
        f"no task was executed: {date} is outside the DAG's dates, 2015-01-01 (start_date) to "
        "2023-12-21T12:00:00+00:00 (end_date); Airflow calls such a run a success"
    )


def test_open_ends() -> None:
    assert "2014-12-31 is outside the DAG's dates, 2015-01-01 (start_date) to any (end_date)" in told(
        "2014-12-31", end=None
    )
    assert "2024-01-01 is outside the DAG's dates, any (start_date) to 2023-12-21 (end_date)" in told(
        "2024-01-01", start=None, end="2023-12-21T00:00:00+00:00"
    )
    assert told("1970-01-01", start=None, end=None) == WITHIN


def test_midnight_elsewhere_is_shown_in_full() -> None:
    assert "dates, 2015-01-01T00:00:00+02:00 (start_date) to" in told("2014-12-31", start="2015-01-01T00:00:00+02:00")


def test_a_dag_that_is_gone() -> None:
    assert why_no_task(DagBag({}, {}), "d", "2021-01-01") == (
        "no task was executed, and DAG 'd' is no longer in the folder"
    )


def test_why_there_was_no_run() -> None:
    folder = Path("dags")
    facts = DagFacts("d.py", None, None)
    assert why_no_run(DagBag({"d": facts}, {"b.py": "broken"}), "d", folder) is None
    assert why_no_run(DagBag({"d": facts, "c": facts}, {}), "x", folder) == "DAG 'x' is not in dags, which holds: c, d"
    assert why_no_run(DagBag({}, {}), "x", folder) == "DAG 'x' is not in dags, which holds: no DAG at all"
    trace = 'Traceback:\n  File "b.py", line 2\nKeyError: 1\n'
    assert why_no_run(DagBag({}, {"/a/b.py": trace, "/a/c.py": ""}), "x", folder) == (
        "DAG 'x' is not in dags, where a file is broken: b.py: KeyError: 1 (File \"b.py\", line 2); c.py: (no message)"
    )
