"""accepted.toml: accepted differences, wrong entries, and the entries that `--accept` writes."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import pytest

from harness.compare.accepted import read_accepted, write_entries
from harness.compare.compare import compare_sides
from harness.compare.model import Comparison
from harness.compare.verdicts import exit_code
from harness.errors import NotComparableError
from harness.upgrade.migration import Migration, as_differences, as_section
from tests.compare.builders import SCENARIO, run, scenario, side, task, versions

TODAY = dt.date(2026, 6, 1)
ENTRY = f"""[[accepted]]
scenario = "{SCENARIO}"
field = "xcoms.t.*"
reason = "the new driver returns integers"
expires = 2026-12-31
"""


def compare(tmp_path: Path, text: str, value: object = 2) -> Comparison:
    file = tmp_path / "accepted.toml"
    file.write_text(text, encoding="utf-8")
    before, after = (side(scenario(run(xcoms={"t": {"k": one}}))) for one in (1, value))
    after = side(*after.scenarios.values(), versions=versions(airflow="3.3.2"))
    return compare_sides(before, after, accepted=read_accepted(file), today=TODAY)


@pytest.mark.parametrize(
    "more",
    [
        "",
        'verdict = "changed"',
        'pair = "apache-airflow 2.11.2 -> 3.3.2"',
        'pair = "Apache_Airflow 2.11.2 -> 3.3.2"',
        'pair = "airflow 2.11.2 -> 3.3.2"',
        'pair = "airflow 2.* -> 3.*"',
        'run = "prices *"',
    ],
)
def test_an_accepted_difference_does_not_fail(more: str, tmp_path: Path) -> None:
    comparison = compare(tmp_path, f"{ENTRY.replace(SCENARIO, 'scenarios/*')}{more}\n")
    (found,) = comparison.differences
    assert found.accepted == "the new driver returns integers"
    assert exit_code(comparison) == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("2026-12-31", "2026-05-31"), "line 1: expired on 2026-05-31"),
        (("xcoms.t.*", "xcoms.u.*"), "line 1: matches no difference"),
        (('field = "xcoms.t.*"', 'field = "xcoms.t.*"\nverdict = "missing"'), "line 1: matches no difference"),
    ],
)
def test_an_entry_that_expired_or_matches_nothing_fails(change: tuple[str, str], problem: str, tmp_path: Path) -> None:
    comparison = compare(tmp_path, ENTRY.replace(*change))
    assert [problem in each for each in comparison.problems] == [True]
    assert exit_code(comparison) == 1


def test_an_entry_of_another_scenario_or_pair_was_not_compared(tmp_path: Path) -> None:
    other = ENTRY.replace("scenarios/", "tests/")
    pair = ENTRY.replace("xcoms.t", "xcoms.u") + 'pair = "airflow 3.3.2 -> 2.11.2"\n'
    comparison = compare(tmp_path, f"{ENTRY}\n{other}\n{pair}")
    assert comparison.problems == ()


@pytest.mark.parametrize(
    ("where", "problems", "notes"),
    [
        ('scenario = "scenarios/*"\nrun = "other *"', [], []),
        ('scenario = "scenarios/*"\nrun = "prices *"', ["line 1: matches no difference"], []),
        ('scenario = "tests/*"\nrun = "prices *"', [], []),
        ('scenario = "scenarios/*"', [], ["line 1: matches no difference"]),
        ('scenario = "tests/*"', [], []),
        ('scenario = "dags folder"', [], []),
    ],
)
def test_an_entry_is_stale_if_all_that_it_can_match_was_compared(
    where: str, problems: list[str], notes: list[str], tmp_path: Path
) -> None:
    entry = ENTRY.replace(f'scenario = "{SCENARIO}"', where).replace("xcoms.t", "xcoms.u")
    comparison = compare(tmp_path, entry)

    assert [problem.split("toml, ")[1].split(" (")[0] for problem in comparison.problems] == problems
    found = [note for note in comparison.notes if "accepted.toml" in note]
    assert [note.split("toml, ")[1].split(" (")[0] for note in found] == notes


@pytest.mark.parametrize("more", ["", 'run = "prices *"\n'])
def test_an_entry_of_a_scenario_that_was_not_run_is_not_stale(more: str, tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(ENTRY + more, encoding="utf-8")
    skipped = side(scenario(outcome="not run", reason="needs an engine"))
    assert compare_sides(skipped, skipped, accepted=read_accepted(file), today=TODAY).problems == ()


def test_the_day_of_expiry_is_still_valid(tmp_path: Path) -> None:
    assert exit_code(compare(tmp_path, ENTRY.replace("2026-12-31", "2026-06-01"))) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY.replace("2026-12-31", '"2026-12-31"'), "line 1: expires is '2026-12-31', no date"),
        (ENTRY.replace("2026-12-31", "2026-12-31T00:00:00"), "line 1: expires is '2026-12-31 00:00:00', no date"),
        (ENTRY.replace("2026-12-31", "2026-13-31"), "can't be read as TOML"),
        (ENTRY + "\n" + ENTRY.replace("the new driver returns integers", " "), "line 7: the reason to accept 'xcoms"),
        (ENTRY.replace('field = "xcoms.t.*"\n', ""), "line 1: field is missing"),
        (ENTRY.replace('"xcoms.t.*"', "3"), "line 1: field is 3, no text"),
        (ENTRY + 'verdict = "ok"\n', "line 1: verdict 'ok': use one of regression"),
        (ENTRY + 'pair = "airflow 3"\n', "line 1: pair 'airflow 3': write it as"),
        (ENTRY + "colour = 1\n", "line 1: unknown key 'colour'"),
        ("accepted = 1\n", "has something other than"),
        ("[other]\n", "has something other than"),
        ("accepted = [{}]\n", "scenario is missing"),
    ],
)
def test_a_wrong_entry_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(NotComparableError) as caught:
        compare(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_entries_for_review_need_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "review.toml"
    comparison = compare(tmp_path, "", value='a "quoted"\n\x7f text')
    assert write_entries(file, [comparison], TODAY) == 1
    with pytest.raises(NotComparableError, match=r"line 1: the reason to accept 'xcoms\.t\.k' is empty"):
        read_accepted(file)
    (entry,) = tomllib.loads(file.read_text())["accepted"]
    assert entry["pair"] == "airflow 2.11.2 -> 3.3.2"
    assert entry["expires"] == dt.date(2026, 8, 30)

    written = file.read_text().replace('reason = ""', 'reason = "expected"')
    accepted = compare(tmp_path, written, value='a "quoted"\n\x7f text')
    assert exit_code(accepted) == 0
    assert write_entries(file, [accepted], TODAY) == 0


def test_a_field_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    comparison = compare(tmp_path, ENTRY.replace("xcoms.t.*", "xcoms.t.k[1]"), value=2)
    assert comparison.problems


@pytest.mark.parametrize(
    ("field", "more", "accepted"),
    [
        ("tasks.load.*", "", False),
        ("tasks.load.*", 'verdict = "changed"', False),
        ("tasks.load.*", 'verdict = "regression"', True),
        ("tasks.load.state", "", True),
    ],
)
def test_a_failure_is_accepted_by_its_verdict_or_its_whole_field(
    field: str, more: str, accepted: bool, tmp_path: Path
) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(f"{ENTRY.replace('xcoms.t.*', field)}{more}\n", encoding="utf-8")
    before = side(scenario(run(tasks={"load": task()})))
    after = side(scenario(run(tasks={"load": task("failed")}, state="failed", exit_code=1)))
    comparison = compare_sides(before, after, accepted=read_accepted(file), today=TODAY)
    assert [one.accepted is not None for one in comparison.differences] == [accepted]
    assert exit_code(comparison) == (0 if accepted else 1)
    problems = ["add verdict" in problem for problem in comparison.problems]
    assert problems == ([] if accepted else [not more])


def test_a_pattern_lacks_no_verdict_for_what_another_entry_accepts(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    exact = f'{ENTRY.replace("xcoms.t.*", "tasks.load.state")}verdict = "regression"\n'
    other = ENTRY.replace("xcoms.t.*", "tasks.*").replace(SCENARIO, "*")
    file.write_text(f"{exact}\n{other}", encoding="utf-8")
    before = side(scenario(run(tasks={"load": task()})))
    after = side(scenario(run(tasks={"load": task("failed")}, state="failed", exit_code=1)))
    comparison = compare_sides(before, after, accepted=read_accepted(file), today=TODAY)
    assert (exit_code(comparison), comparison.problems) == (0, ())
    assert ["line 8: matches no difference" in note for note in comparison.notes if "accepted.toml" in note] == [True]


def test_a_loss_is_not_accepted_with_a_change(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(ENTRY, encoding="utf-8")
    before, after = (side(scenario(run(xcoms={"t": one}))) for one in ({"k": 1, "l": 1}, {"k": 2}))
    comparison = compare_sides(before, after, accepted=read_accepted(file), today=TODAY)
    found = {one.verdict: one.accepted is not None for one in comparison.differences}
    assert (found, comparison.problems) == ({"changed": True, "missing": False}, ())


@pytest.mark.parametrize(
    ("migration", "problems"),
    [
        (Migration(not_done="a side failed"), []),
        (Migration(counts={"pools": (1, 1)}, command="airflow db migrate"), ["line 1: matches no difference"]),
        (Migration(lost=("pools: a is gone",), command="airflow db migrate"), []),
    ],
)
def test_an_entry_of_the_metadata_database_is_stale_if_the_migration_was_done(
    migration: Migration, problems: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "accepted.toml"
    entry = ENTRY.replace(SCENARIO, "metadata database").replace("xcoms.t.*", "metadata.content")
    file.write_text(entry, encoding="utf-8")
    found = {"sections": (as_section(migration),), "differences": as_differences(migration)}
    baseline, candidate = side(scenario(run())), side(scenario(run()), **found)
    comparison = compare_sides(baseline, candidate, accepted=read_accepted(file), today=TODAY)
    assert [problem.split("toml, ")[1].split(" (")[0] for problem in comparison.problems] == problems


def test_a_pair_of_what_neither_side_has_fails(tmp_path: Path) -> None:
    comparison = compare(tmp_path, f'{ENTRY}pair = "airfow 2.11.2 -> 3.3.2"\n', value=1)
    (problem,) = comparison.problems
    assert problem.endswith("line 1: pair 'airfow 2.11.2 -> 3.3.2' is of what neither side has: correct or remove it")
    assert exit_code(comparison) == 1
