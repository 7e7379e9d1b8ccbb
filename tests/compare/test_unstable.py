"""What differs between two runs of the baseline is unstable: shown, and never the cause of a failure."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from pathlib import Path

import pytest

from harness.compare.compare import compare_sides, find_unstable
from harness.compare.names import find_patterns
from harness.compare.unstable import read_unstable, without_positions, write_unstable
from harness.compare.verdicts import exit_code
from harness.errors import NotComparableError
from harness.evidence.document import RunDocument, TabularSummary
from tests.compare.builders import SCENARIO, brief, compare, csv_object, run, scenario, side, stored, task


def xcom(value: object) -> RunDocument:
    return run(xcoms={"t": {"k": value}})


def keys(*names: str, content: str = "x") -> RunDocument:
    return run(objects={"b": {name: stored(content) for name in names}})


def test_a_field_that_differs_by_itself_does_not_fail() -> None:
    baseline, repeat, candidate = (side(scenario(xcom({"at": n, "rows": n // 3}))) for n in (1, 2, 4))
    comparison = compare_sides(baseline, candidate, repeat)
    assert brief(comparison.differences) == [("unstable", "xcoms.t.k.at"), ("changed", "xcoms.t.k.rows")]
    assert [one.fails for one in comparison.differences] == [False, True]


def test_an_unstable_field_is_shown_although_the_candidate_has_the_baselines_value() -> None:
    (found,) = compare(xcom(1), xcom(1), xcom(2))
    assert (found.verdict, found.field, found.fails) == ("unstable", "xcoms.t.k", False)


def test_positions_in_a_list_do_not_count() -> None:
    baseline, repeat, candidate = ([{"at": n, "v": 1}] * count for n, count in ((1, 1), (2, 1), (3, 1)))
    assert brief(compare(xcom(baseline), xcom(candidate), xcom(repeat))) == [("unstable", "xcoms.t.k[0].at")]
    assert without_positions("a[12].b[0]") == "a[*].b[*]"
    assert brief(compare(xcom([1, 5]), xcom([1, 7]), xcom([2, 5]))) == [("unstable", "xcoms.t.k[1]")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (run(tasks={"t": task()}), run(tasks={"t": task("failed")})),
        (run(), run(exit_code=1)),
        (keys("a"), keys()),
        (run(tasks={"t": task()}), run()),
    ],
)
def test_statuses_and_missing_things_are_never_filtered(before: RunDocument, after: RunDocument) -> None:
    comparison = compare_sides(side(scenario(before)), side(scenario(after)), side(scenario(after)))
    assert exit_code(comparison) == 1
    assert any(note.startswith("not filtered, although it differs") for note in comparison.notes)


def test_an_unstable_column_does_not_hide_other_columns() -> None:
    baseline, repeat, candidate = (
        run(objects={"b": {"k": csv_object("id,at,v", [f"{n},{at}{n},{value}" for n in range(4)])}})
        for at, value in ((1, 1), (2, 1), (3, 7))
    )
    assert brief(compare(baseline, candidate, repeat)) == [
        ("unstable", "objects.b.k.values.at"),
        ("changed", "objects.b.k.values.v"),
    ]


@pytest.mark.parametrize(
    ("baseline", "repeat", "candidate", "pattern"),
    [
        ("out/part-1f3a9c.csv", "out/part-aa01bc.csv", "out/part-77ddee.csv", "out/part-*.csv"),
        ("20261130/x", "20261201/x", "20261202/x", "*/x"),
        ("result-kqzrt.csv", "result-pwmbn.csv", "result-aaaaa.csv", "result-?????.csv"),
        (*(f"out/{uuid.UUID(int=n << 64 | n, version=4)}.csv" for n in (7, 2**60, 2**63)), "out/*.csv"),
        ("day=2021-06-01/1f3a9c", "day=2021-06-01/aa01bc", "day=2021-06-01/77ddee", "day=2021-06-01/*"),
        ("[*]/1f3a9c", "[*]/aa01bc", "[*]/77ddee", "[[][*]]/*"),
        (*(f"p{uuid.UUID(int=n << 64 | n, version=4)}{n % 50}.csv" for n in (7, 2**60, 2**63)), "p**.csv"),
    ],
)
def test_a_name_that_differs_in_every_run(baseline: str, repeat: str, candidate: str, pattern: str) -> None:
    found = compare(keys(baseline, "same"), keys(candidate, "same"), keys(repeat, "same"))
    assert brief(found) == [("unstable", f"objects.b.{pattern}")]
    found = compare(keys(baseline, "same"), keys("same"), keys(repeat, "same"))
    assert ("missing", f"objects.b.{baseline}") in brief(found)
    found = compare(keys(baseline), keys(candidate, content="other"), keys(repeat))
    assert ("changed", f"objects.b.{pattern}.text") in brief(found)


@pytest.mark.parametrize(
    ("baseline", "repeat", "candidate"),
    [
        (("0f3a9c12", "result"), ("9bc01234", "result"), ("77aa8812", "results")),
        (
            ("out/job-0f3a9c12.json", "out/job-final.json"),
            ("out/job-9bc01234.json", "out/job-final.json"),
            ("out/job-77aa8812.json", "out/job-last.json"),
        ),
        (("day=2021-06-01/0f3a9c12",), ("day=2021-06-01/9bc01234",), ("day=2021-06-02/77aa8812",)),
        (("result-kqzrt.csv",), ("result-pwmbn.csv",), ("result-final.csv.old.csv",)),
        (("0f3a9c12", "20210601"), ("9bc01234", "20210601"), ("77aa8812", "20210602")),
    ],
    ids=["whole name", "part of a name", "another day", "another length", "constant"],
)
def test_a_pattern_hides_no_name_without_a_generated_part(
    baseline: tuple[str, ...], repeat: tuple[str, ...], candidate: tuple[str, ...]
) -> None:
    found = brief(compare(keys(*baseline), keys(*candidate), keys(*repeat)))
    assert ("missing", f"objects.b.{baseline[-1]}") in found
    assert ("new", f"objects.b.{candidate[-1]}") in found


TODAY = dt.date(2026, 7, 21)
SECONDS = int(dt.datetime(2026, 7, 21, 10, 41, tzinfo=dt.UTC).timestamp())


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("log-2026-07-21-10-41-12.csv", "log-2026-07-21-10-58-44.csv"), "log-*-*-*-*-*-*.csv"),
        (("export_20260720_1f3a9c.csv", "export_20260720_aa01bc.csv"), "export_*_*.csv"),
        (("3/20260721T104112.csv", "3/20260721T104144.csv"), "3/*T*.csv"),
        (("v1234-2026-07-21/1f3a9c", "v1234-2026-07-21/aa01bc"), "v1234-*-*-*/*"),
        ((f"7/{SECONDS}-5-1f3a9c", f"7/{SECONDS}-5-aa01bc"), "7/*-*-*"),
        (
            ("day=2021-06-01/2026-07-21-10-41-12.csv", "day=2021-06-01/2026-07-21-10-41-58.csv"),
            "day=2021-06-01/*-*-*-*-*-*.csv",
        ),
        (("day=2026-06-01/1f3a9c", "day=2026-06-01/aa01bc"), "day=2026-06-01/*"),
        (("1622505600-1f3a9c", "1622505600-aa01bc"), "1622505600-*"),
    ],
)
def test_a_time_of_the_clock_is_generated_although_both_runs_have_it(names: tuple[str, str], pattern: str) -> None:
    assert find_patterns(names[:1], names[1:], TODAY) == [pattern]


def test_a_name_with_a_time_is_paired_in_another_hour() -> None:
    now = dt.datetime.now(dt.UTC).replace(hour=10)
    times = (now.replace(minute=41), now.replace(minute=58), now + dt.timedelta(days=1, hours=1))
    baseline, repeat, candidate = (keys(f"log-{time:%Y-%m-%d-%H-%M-%S}.csv") for time in times)
    assert brief(compare(baseline, candidate, repeat)) == [("unstable", "objects.b.log-*-*-*-*-*-*.csv")]


def test_other_names_are_missing_and_new() -> None:
    found = compare(keys("prices.csv"), keys("totals.csv"), keys("report.txt"))
    assert ("missing", "objects.b.prices.csv") in brief(found)
    assert ("new", "objects.b.totals.csv") in brief(found)


def test_unstable_fields_are_kept_beside_the_evidence(tmp_path: Path) -> None:
    baseline, repeat, candidate = (side(scenario(xcom(n))) for n in (1, 2, 3))
    write_unstable(tmp_path, find_unstable(baseline, repeat))
    kept = read_unstable([tmp_path], {SCENARIO})
    assert brief(compare_sides(baseline, candidate, unstable=kept).differences) == [("unstable", "xcoms.t.k")]
    assert read_unstable([tmp_path], {"other"}) is None
    assert read_unstable([tmp_path / "none"], {SCENARIO}) is None


def test_a_damaged_file_of_unstable_fields_is_one_line(tmp_path: Path) -> None:
    for text in ("{", '{"kind": "other"}', "[]"):
        (tmp_path / "unstable.json").write_text(text)
        with pytest.raises(NotComparableError, match=r"unstable\.json"):
            read_unstable([tmp_path], set())


def test_the_report_says_that_there_is_no_second_run() -> None:
    one, other = side(scenario(run())), side(scenario(run(), name="b"), scenario(run()))
    assert compare_sides(one, one).notes[0].startswith("no unstable fields are known")
    assert compare_sides(other, other, one).notes[0] == "1 scenario has no second run of the baseline, among them b"
    assert compare_sides(one, one, one).notes == (
        "the baseline has no list of its DAGs, so DAGs, import errors and schedules were not compared",
        "the candidate has no list of its DAGs, so DAGs, import errors and schedules were not compared",
    )


def test_a_value_that_is_no_number_is_stable() -> None:
    """Python's JSON has NaN, which differs from itself."""

    def mean(at: int, value: float) -> RunDocument:
        return run(objects={"b": {"k": stored(json.dumps({"ts": at, "mean": value}))}})

    found = compare(mean(1, math.nan), mean(3, 5.0), mean(2, math.nan))
    assert brief(found) == [("changed", "objects.b.k.json.mean"), ("unstable", "objects.b.k.json.ts")]

    def rows(at: int, value: float) -> RunDocument:
        lines = [{"id": 1, "at": at, "v": math.nan}, {"id": 2, "at": at, "v": value}]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        columns = {"id": "integer", "at": "integer", "v": "number"}
        return run(objects={"b": {"k": stored(text, TabularSummary(format="json lines", columns=columns, rows=2))}})

    found = compare(rows(1, 10.0), rows(3, 0.0), rows(2, 10.0))
    assert brief(found) == [("unstable", "objects.b.k.values.at"), ("changed", "objects.b.k.values.v")]


def test_an_unstable_name_does_not_hide_another_name_with_a_dot() -> None:
    csv, csv_of_b = {"report.csv": stored("total=42")}, {"report.csv": stored("total=0")}
    one_more = {**csv, "report": stored("x")}
    found = compare(*(run(objects={"b": names}) for names in (csv, csv_of_b, one_more)))
    assert brief(found) == [("changed", "objects.b.report.csv.text"), ("unstable", "objects.b.report")]

    before, after = ({"report": stored(f"total={total}")} for total in (42, 0))
    one_more = {**before, "report.text": stored("x")}
    found = compare(*(run(objects={"b": names}) for names in (before, after, one_more)))
    assert ("changed", "objects.b.report.text") in brief(found)


def test_what_is_below_an_unstable_list_is_unstable() -> None:
    found = compare(xcom({"a.b": [1, [2]]}), xcom({"a.b": [1, [3]]}), xcom({"a.b": [1]}))
    assert brief(found) == [("unstable", "xcoms.t.k.a.b[1][0]"), ("unstable", "xcoms.t.k.a.b")]
