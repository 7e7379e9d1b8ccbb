"""Normalise the values that differ in every run, and find the warnings of a log."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from harness.evidence.evidence import find_warnings
from harness.evidence.normalise import Normaliser, normalise


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-23T01:31:18.293234Z [info] x", "TIME [info] x"),
        ("[2026-11-23 01:31:24,613] x", "[TIME] x"),
        ("[2026-11-23T01:31:24.613+0000] x", "[TIME] x"),
        ("run 01a20607-6795-7a78-9b77-84fd53d8999f", "run UUID"),
        (f"request_id: 18EA8A6BF133BCB8, host_id: {'0f' * 32}, x", "request_id: ID, host_id: ID, x"),
        ("<RequestId>18EA8A6BF133BCB8</RequestId>", "<RequestId>ID</RequestId>"),
        ("at 0x7f3a90b1 on http://127.0.0.1:49153/x", "at ADDRESS on http://127.0.0.1:PORT/x"),
        ("<airflow.utils.types.ArgNotSet object at 0x7f3a90b1>", "NOTSET"),
        (
            "unrunnable: {<TaskInstance: b>, <TaskInstance: a [None]>}",
            "unrunnable: {<TaskInstance: a [None]>, <TaskInstance: b>}",
        ),
    ],
)
def test_times_ids_and_ports_become_words(text: str, same: str) -> None:
    assert normalise(text) == same


@pytest.mark.parametrize(
    "text",
    [
        "listing_2021-01-01.csv has 12 rows",
        "accuracy: 0.8571428571428571",
        "1609459200000000000",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
    ids=["a date", "a fraction", "nanoseconds", "a digest"],
)
def test_data_stays(text: str) -> None:
    assert normalise(text) == text


def test_seconds_since_1970_become_a_word_near_today() -> None:
    normaliser = Normaliser(today=dt.date(2026, 11, 30))
    assert normaliser("digits-2021-03-04-1796022347/model_1796022347") == "digits-2021-03-04-TIME/model_TIME"
    assert normaliser("order 1234567890, 17960223471, 1796022347.5") == "order 1234567890, 17960223471, 1796022347.5"


def test_warnings_of_both_airflow_lines_without_their_times(tmp_path: Path) -> None:
    log = f"""2026-11-23T01:31:18.1Z [warning  ] Could not import {tmp_path}/x
2026-11-23T01:31:18.2Z [info     ] fine
[2026-11-23T01:31:24.613+0000] {{cli.py:283}} WARNING - Dag not found
/lib/base.py:22 DeprecationWarning: old"""
    assert find_warnings(log, tmp_path) == (
        "TIME [warning  ] Could not import HOME/x",
        "[TIME] {cli.py:283} WARNING - Dag not found",
        "/lib/base.py:22 DeprecationWarning: old",
    )
