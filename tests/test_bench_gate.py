"""The gate of the benchmarks: which figures pass and which fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Goal, Line, as_json, from_json
from benchmarks.gate import judge
from benchmarks.measure import Measured, keep, read
from benchmarks.rows import ROWS
from benchmarks.soak import slow_runs
from benchmarks.table import cells

AT_MOST = Goal(0.05)
AT_LEAST = Goal(1.7, at_least=True)


def line(*ratios: float, goal: Goal | None = AT_MOST, key: str = "2 warm", unit: str = "s") -> Line:
    """Create a line whose pairs have these ratios."""
    return Line(2, key, "warm / bare", unit, tuple(10 * ratio for ratio in ratios), (10.0,) * len(ratios), goal)


def failed(measured: Line, *released: Line) -> bool:
    (verdict,) = judge([measured], released, {})
    return verdict.failed


def test_a_ratio_within_its_goal_passes_even_if_the_release_was_better() -> None:
    assert not failed(line(0.049, 0.048), line(0.001))


def test_one_pair_within_the_goal_is_enough() -> None:
    assert not failed(line(0.30, 0.049, 0.20), line(0.03))


@pytest.mark.parametrize("released", [0.045, 0.08])
def test_a_missed_goal_fails_if_it_is_worse_than_the_release_plus_noise(released: float) -> None:
    assert not failed(line(1.19 * released, 3 * released), line(released))
    assert failed(line(1.21 * released, 3 * released), line(released))


def test_the_largest_ratio_counts_for_a_lower_bound() -> None:
    met = line(2.0, goal=AT_LEAST)
    assert not failed(line(1.2, 1.71, goal=AT_LEAST), met)
    assert not failed(line(1.2, 1.68, goal=AT_LEAST), met)
    assert failed(line(1.2, 1.65, goal=AT_LEAST), met)


def test_seconds_megabytes_and_lines_without_a_goal_are_not_gated() -> None:
    seconds = Line(6, "6 kept", "ready again", "s", (9.0,), goal=Goal(0.5))
    assert judge([seconds, line(9.0, goal=None)], [seconds], {}) == []


def test_a_line_missing_in_the_release_does_not_fail() -> None:
    assert not failed(line(0.9), line(0.01, key="another"))


def test_a_row_that_could_not_be_measured_fails() -> None:
    (verdict,) = judge([], [], {"3": "no host"})
    assert verdict.failed
    assert "no host" in verdict.why


def test_the_figure_is_the_ratio_of_medians_and_pairs_are_single_ratios() -> None:
    measured = Line(1, "1", "", "s", (1.0, 9.0, 2.0), (10.0, 10.0, 40.0), AT_MOST)
    assert measured.figure == pytest.approx(0.2)
    assert measured.figures == pytest.approx((0.1, 0.9, 0.05))


def test_a_line_survives_json() -> None:
    for one in (line(0.1, 0.2), line(2.0, goal=AT_LEAST), Line(6, "6", "ready", "s", (0.4,), note="clean")):
        assert from_json(json.loads(json.dumps(as_json(one)))) == one


def test_the_table_shows_medians_with_the_noise() -> None:
    assert cells(line(0.04, 0.02, 0.03)) == (
        *("2", "warm / bare", "0.300 s (0.200 .. 0.400)", "10.00 s (10.00 .. 10.00)"),
        *("0.030 (0.020 .. 0.040)", "at most 0.05", "met"),
    )
    assert cells(Line(6, "6", "ready", "s", (0.7,), goal=Goal(0.5)))[4:] == ("0.700 s", "at most 0.5 s", "NOT MET")


def test_the_command_compares_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow, released = tmp_path / "slow.json", tmp_path / "released.json"
    keep(Measured("here", [line(0.2)], {}), slow)
    keep(Measured("there", [line(0.04)], {}), released)

    assert main(["gate", str(slow), "--released", str(released)]) == 1
    assert "FAILED  2 warm: best pair 0.200, goal 0.05, released 0.040" in capsys.readouterr().out
    assert main(["gate", str(released), "--released", str(released)]) == 0
    assert read(slow).lines == [line(0.2)]


def test_every_row_exists_once() -> None:
    assert [row.number for row in ROWS] == list(range(1, 18))
    assert {row.number for row in ROWS if row.quick_turns} == {2, 3, 4}


def test_the_soak_finds_runs_far_slower_than_the_median() -> None:
    """Except for each worker's first run, which may start a host."""
    noted = {"gw0": "meet 50\nmeet 1\nmeet 1.2\nmeet 13\n", "gw1": "meet 0.9\nmeet 1\nsidecar 30\n"}
    assert slow_runs(noted) == ["meet in gw0: 13.0 s"]
    assert slow_runs({"gw0": "meet 50\nmeet 1\nmeet 1.2\n"}) == []
