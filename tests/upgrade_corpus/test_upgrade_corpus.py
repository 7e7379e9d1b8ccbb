"""The corpus itself: its cases are complete, the judgement is right, and the comparison catches the sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.model import FOLDER, Difference
from tests.upgrade_corpus.cases import CASES, Case, Expected, read_cases, read_pairs
from tests.upgrade_corpus.judge import Judgement, format_table, is_enough, judge_case, judge_differences
from tests.upgrade_corpus.pairs import compare_pair

BREAKS = 30
"""The least number of real breaks."""
SAMPLED = "airflow-2.11-3.3"


def difference(verdict: str = "regression", field: str = "tasks.work.state", **more: object) -> Difference:
    values = {"scenario": "", "service": "airflow", "task": "work", "fails": True, "message": "", **more}
    return Difference.model_validate({"verdict": verdict, "field": field, **values})


def case(expect: Expected, name: str = "prices") -> Case:
    return Case(Path("cases/pair") / name, "", "", name, "2024-03-05", "", expect)


EXPECTED = Expected("changed", "airflow", "xcoms.work.*", task="work", message=("2024-03-04",))


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ([], "missed"),
        ([difference("unstable", "xcoms.work.return_value")], "missed"),
        ([difference("warning", "warnings.work")], "missed"),
        ([difference()], "caught"),
        ([difference("changed", "xcoms.work.return_value", before="2024-03-05")], "caught"),
        ([difference("changed", "xcoms.other.return_value", before="2024-03-04")], "caught"),
        ([difference("changed", "xcoms.work.return_value", before="2024-03-04")], "named rightly"),
        ([difference("changed", "xcoms.work.return_value", detail=("from 2024-03-04",))], "named rightly"),
    ],
)
def test_a_break_is_named_by_verdict_service_field_task_and_words(said: list[Difference], word: str) -> None:
    assert judge_case(case(EXPECTED), said).word == word


def test_an_expected_warning_counts_and_an_unexpected_one_does_not() -> None:
    warning = [difference("warning", "warnings.work")]
    assert judge_case(case(Expected("warning", field="warnings.*")), warning).named
    assert judge_case(case(Expected("no difference")), warning).named
    assert judge_case(case(Expected("no difference")), [difference()]).word == "false alarm"


def test_a_difference_belongs_to_the_longest_name() -> None:
    cases = [case(EXPECTED, "sla"), case(EXPECTED, "sla_callback")]
    said = [
        difference(scenario="scenarios/test_sla.py::test_case"),
        difference(scenario="scenarios/test_sla_callback.py::test_case", field="xcoms.sla"),
        difference(scenario=FOLDER, field="import_errors.sla_callback/dag.py"),
        difference(scenario=FOLDER, field="dags.other"),
    ]
    assert [len(one.said) for one in judge_differences(cases, said)] == [1, 2]


def test_nine_in_ten_are_enough() -> None:
    right = Judgement(case(EXPECTED), caught=True, named=True, said=())
    wrong = Judgement(case(EXPECTED), caught=True, named=False, said=(difference(message="work failed"),))
    assert is_enough({"one": [right] * 4, "two": [right] * 5 + [wrong]})
    assert not is_enough({"one": [right] * 8 + [wrong]})
    assert not is_enough({})
    table = format_table({"one": [right, wrong]})
    assert "said: regression, airflow, tasks.work.state: work failed" in table
    assert table.endswith("2 breaks: 2 caught, 1 named rightly, 0 missed; 0 cases without a difference: 0 false alarms")


def test_a_missed_case_says_why() -> None:
    right = Judgement(case(EXPECTED), caught=True, named=True, said=())
    missed = Judgement(case(EXPECTED), caught=False, named=False, said=())
    explained = replace(missed, case=replace(missed.case, why_missed="the field is unstable"))
    assert not is_enough({"one": [right] * 9 + [missed]})
    assert is_enough({"one": [right] * 9 + [explained]})
    assert "why: the field is unstable" in format_table({"one": [explained]})


def test_every_case_is_complete() -> None:
    cases = {pair: read_cases(pair) for pair in read_pairs()}
    assert {path.parent.parent.name for path in CASES.glob("*/*/case.toml")} == cases.keys()
    for pair, ones in cases.items():
        for one in ones:
            place = f"{pair}/{one.name}"
            assert one.source.startswith("https://"), place
            assert one.reproduced, f"{place}: note what `airflow dags test` did in both environments"
            assert one.dag_id.startswith(one.name), place
            assert {path.name for path in one.folder.iterdir()} > {"case.toml"}, place
    breaks = [one for ones in cases.values() for one in ones if one.expect.verdict != "no difference"]
    assert len(breaks) >= BREAKS


def test_the_comparison_catches_the_sample(tmp_path: Path) -> None:
    pair = read_pairs()[SAMPLED]
    cases = [one for one in read_cases(SAMPLED) if one.name in pair.sample]
    judgements = judge_differences(cases, compare_pair(pair, cases, tmp_path / "pair", repeat=False).differences)
    assert [one.case.name for one in judgements if one.named] == sorted(pair.sample), format_table(
        {SAMPLED: judgements}
    )
