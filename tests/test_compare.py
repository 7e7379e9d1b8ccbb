"""Compare two sets of evidence, and normalise the values that differ in every run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.evidence.compare import find_differences, main
from harness.evidence.evidence import find_warnings
from harness.evidence.normalise import normalise


def write_records(folder: Path, **scenarios: object) -> Path:
    folder.mkdir()
    for name, record in scenarios.items():
        (folder / f"{name}.json").write_text(json.dumps(record))
    return folder


def test_equal_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = [{"state": "success", "xcoms": {"a/b": [1, {"c": None}]}}]
    before, after = write_records(tmp_path / "before", one=record), write_records(tmp_path / "after", one=record)
    assert find_differences(before, after) == []
    assert main(before, after) == 0
    assert "1 scenarios" in capsys.readouterr().out


def test_every_difference_is_one_line_with_its_place(tmp_path: Path) -> None:
    before = write_records(tmp_path / "before", one=[{"state": "success", "keys": ["a", "b"], "gone": 1}], only_here=[])
    after = write_records(tmp_path / "after", one=[{"state": "failed", "keys": ["a", "c"]}])
    assert find_differences(before, after) == [
        'one: [0].gone: 1 | "(nothing)"',
        'one: [0].keys[1]: "b" | "c"',
        'one: [0].state: "success" | "failed"',
        f"only_here: only in {before}",
    ]
    assert main(before, after) == 1


def test_a_list_of_another_length_is_one_difference(tmp_path: Path) -> None:
    before, after = write_records(tmp_path / "before", one=[1]), write_records(tmp_path / "after", one=[1, 2])
    assert find_differences(before, after) == ["one: all: [1] | [1, 2]"]


def test_containers_past_the_relay_are_not_compared(tmp_path: Path) -> None:
    before = write_records(tmp_path / "before", one=[{"evidence": {"containers_past_relay": [], "warnings": []}}])
    after = write_records(
        tmp_path / "after", one=[{"evidence": {"containers_past_relay": [{"name": "x"}], "warnings": []}}]
    )
    assert find_differences(before, after) == []


def test_rows_of_watched_tables_are_compared(tmp_path: Path) -> None:
    folders = [write_records(tmp_path / str(n), one={"tables": {"shop.totals": [{"n": n}]}}) for n in range(2)]
    assert find_differences(*folders) == ["one: .tables.shop.totals[0].n: 0 | 1"]


def test_empty_folders_are_not_equal(tmp_path: Path) -> None:
    assert main(write_records(tmp_path / "before"), write_records(tmp_path / "after")) == 1


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-23T01:31:18.293234Z [info] x", "TIME [info] x"),
        ("[2026-11-23 01:31:24,613] x", "[TIME] x"),
        ("[2026-11-23T01:31:24.613+0000] x", "[TIME] x"),
        ("run 01a20607-6795-7a78-9b77-84fd53d8999f", "run UUID"),
        ("request_id: 18EA8A6BF133BCB8,", "request_id: ID,"),
        ("at 0x7f3a90b1 on http://127.0.0.1:49153/x", "at ADDRESS on http://127.0.0.1:PORT/x"),
        ("listing_2021-01-01.csv has 12 rows", "listing_2021-01-01.csv has 12 rows"),
    ],
)
def test_times_ids_and_ports_become_words(text: str, same: str) -> None:
    assert normalise(text) == same


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
