"""Judge whether a comparison catches a case's break, and whether it names the break rightly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.compare.model import FOLDER, Difference
from tests.upgrade_corpus.cases import NO_DIFFERENCE, Case, Expected

NOT_A_BREAK = ("unstable", "warning")


@dataclass(frozen=True)
class Judgement:
    """How the comparison did on a case. `said`: the differences that concern the case.

    For a case that expects no difference, `caught` is a false alarm, and `named` its absence.
    """

    case: Case
    caught: bool
    named: bool
    said: tuple[Difference, ...]

    @property
    def word(self) -> str:
        if self.case.expect.verdict == NO_DIFFERENCE:
            return "false alarm" if self.caught else "no difference"
        return "named rightly" if self.named else "caught" if self.caught else "missed"


def judge_differences(cases: Sequence[Case], differences: Sequence[Difference]) -> list[Judgement]:
    """Judge each case by those of a comparison's differences that concern it."""
    said: dict[str, list[Difference]] = {case.name: [] for case in cases}
    for difference in differences:
        if (name := _find_case(difference, cases)) is not None:
            said[name].append(difference)
    return [judge_case(case, said[case.name]) for case in cases]


def judge_case(case: Case, said: Sequence[Difference]) -> Judgement:
    """Judge one case; `said` are the differences that concern it."""
    counted = [
        one for one in said if (one.fails and one.verdict not in NOT_A_BREAK) or one.verdict == case.expect.verdict
    ]
    if case.expect.verdict == NO_DIFFERENCE:
        return Judgement(case, bool(counted), not counted, tuple(said))
    named = any(_fits(difference, case.expect) for difference in counted)
    return Judgement(case, bool(counted), named, tuple(said))


def _fits(difference: Difference, expected: Expected) -> bool:
    text = f"{difference.message} {difference.before} {difference.after} {' '.join(difference.detail)}"
    return (
        difference.verdict == expected.verdict
        and fnmatchcase(difference.service, expected.service)
        and fnmatchcase(difference.field, expected.field)
        and (expected.task is None or difference.task == expected.task)
        and all(word in text for word in expected.message)
    )


def _find_case(difference: Difference, cases: Sequence[Case]) -> str | None:
    """Return the longest name of a case in the scenario, or in the field if that names a DAG of the dags folder."""
    place = difference.field if difference.scenario == FOLDER else difference.scenario
    names = [case.name for case in cases if case.name in place]
    return max(names, key=len, default=None)


def format_table(judgements: Mapping[str, Sequence[Judgement]]) -> str:
    """Format the table: a line for each case, the differences of those not named rightly, and the sums."""
    lines = []
    for pair, ones in judgements.items():
        lines.append(pair)
        for one in ones:
            lines.append(f"  {one.word:15}{one.case.name:32}{one.case.title}")
            if not one.named:
                expect = one.case.expect
                lines.append(f"      expected: {expect.verdict}, {expect.service}, {expect.field}")
                if one.case.why_missed:
                    lines.append(f"      why: {one.case.why_missed}")
                lines += [f"      said: {d.verdict}, {d.service}, {d.field}: {d.message}" for d in one.said]
    every = [one for ones in judgements.values() for one in ones]
    breaks = [one for one in every if one.case.expect.verdict != NO_DIFFERENCE]
    caught, named = (sum(getattr(one, word) for one in breaks) for word in ("caught", "named"))
    sums = f"{len(breaks)} breaks: {caught} caught, {named} named rightly, {len(breaks) - caught} missed"
    others = [one for one in every if one.case.expect.verdict == NO_DIFFERENCE]
    alarms = sum(one.caught for one in others)
    return "\n".join([*lines, f"{sums}; {len(others)} cases without a difference: {alarms} false alarms"])


def is_enough(judgements: Mapping[str, Sequence[Judgement]]) -> bool:
    """Return whether at least nine in ten cases are named rightly and each missed case says why it is missed."""
    every = [one for ones in judgements.values() for one in ones]
    explained = all(one.case.why_missed for one in every if one.word == "missed")
    return bool(every) and explained and 10 * sum(one.named for one in every) >= 9 * len(every)
