"""The page of a comparison: one HTML file that loads nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.compare.accepted import find_pair
from harness.compare.groups import Group, group_differences
from harness.compare.model import Comparison, Difference
from harness.compare.side_by_side import SideBySide, put_side_by_side
from harness.compare.text import find_changed_versions, list_not_exercised, summarise
from harness.compare.values import show
from harness.compare.verdicts import BY_IMPORTANCE, exit_code
from harness.html_page import render_page
from harness.shown_text import show_values, shown_text

CARDS, OPEN_CARDS = 2000, 100
"""Maximum number of groups of differences in each list, and of groups that are unfolded."""
MEMBERS: Final = 200
"""Maximum number of a group's differences that are listed."""
WORDS: Final = 20_000
"""Characters of a group that the filter searches."""
SIGNS: Final = {
    "regression": "✗",
    "missing": "-",
    "changed": "≠",
    "new": "+",
    "warning": "!",
    "fixed": "✓",
    "broken on both": "✗",
    "unstable": "~",
    "accepted": "✓",
}


@dataclass(frozen=True)
class Member:
    """A difference of a group, and the id that links to it."""

    id: str
    difference: Difference
    place: str


@dataclass(frozen=True)
class Card:
    """A group as the page shows it.

    `shown` are its differences side by side; `others` are the same differences in other places.
    """

    group: Group
    kind: str
    words: str
    shown: tuple[tuple[Member, SideBySide], ...]
    others: tuple[Member, ...]
    left_out: int
    is_open: bool

    @property
    def lead(self) -> Member:
        return self.shown[0][0]

    @property
    def only_values(self) -> bool:
        """Whether the message says no more than the values."""
        one = self.lead.difference
        return self.group.message == f"{show(one.before)} -> {show(one.after)}"


def format_page(comparison: Comparison, strict: bool = False) -> str:
    """Return the comparison as HTML; all data is escaped, and only the page's own script runs."""
    comparison = Comparison.model_validate(show_values(comparison.model_dump(), shown_text))
    lists: dict[str, list[Difference]] = {"open": [], "unstable": [], "accepted": []}
    for one in comparison.differences:
        name = "accepted" if one.accepted is not None else "unstable" if one.verdict == "unstable" else "open"
        lists[name].append(one)
    ids = _create_ids(comparison.differences)
    groups = {name: group_differences(found) for name, found in lists.items()}
    return render_page(
        "harness.compare",
        {},
        comparison=comparison,
        pair=find_pair(comparison.baseline.versions, comparison.candidate.versions).replace("->", "→"),
        summary=_summarise(comparison, strict),
        failed=exit_code(comparison, strict) != 0,
        totals=_count(comparison),
        cards={name: list(_create_cards(found[:CARDS], ids)) for name, found in groups.items()},
        left_out={name: len(found[CARDS:]) for name, found in groups.items()},
        versions=find_changed_versions(comparison),
        not_exercised=list_not_exercised(comparison),
        signs=SIGNS,
    )


def _summarise(comparison: Comparison, strict: bool) -> str:
    if comparison.not_comparable is not None:
        return f"NOT COMPARABLE: {comparison.not_comparable}"
    return summarise(comparison, strict)


def _count(comparison: Comparison) -> dict[str, int]:
    """Return the number of differences by verdict, and of accepted ones, without zeros."""
    counts: dict[str, int] = {verdict: comparison.count(verdict) for verdict in BY_IMPORTANCE}
    counts["accepted"] = sum(one.accepted is not None for one in comparison.differences)
    return {kind: number for kind, number in counts.items() if number}


def _create_ids(differences: Sequence[Difference]) -> dict[int, str]:
    """Return an id for each difference, made from its identity.

    The same field has the same id in the next comparison.
    """
    seen: Counter[str] = Counter()
    ids = {}
    for one in differences:
        name = "\0".join((one.scenario, one.run, one.field))
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        seen[digest] += 1
        ids[id(one)] = f"d-{digest}" if seen[digest] == 1 else f"d-{digest}-{seen[digest]}"
    return ids


def _create_cards(groups: Sequence[Group], ids: dict[int, str]) -> Iterator[Card]:
    for number, group in enumerate(groups):
        first = group.first
        members = [Member(ids[id(one)], one, _place(one)) for one in group.differences]
        below = group.field != first.field
        beside = [one for one in members if below and one.place == members[0].place] or members[:1]
        ids_beside = {one.id for one in beside}
        others = [one for one in members if one.id not in ids_beside]
        yield Card(
            group,
            kind="accepted" if first.accepted is not None else first.verdict,
            words=_list_words(group),
            shown=tuple((one, put_side_by_side(one.difference)) for one in beside[:MEMBERS]),
            others=tuple(others[:MEMBERS]),
            left_out=len(beside[MEMBERS:]) + len(others[MEMBERS:]),
            is_open=number < OPEN_CARDS and first.accepted is None and first.verdict != "unstable",
        )


def _place(one: Difference) -> str:
    return f"{one.scenario} ({one.run})" if one.run else one.scenario


def _list_words(group: Group) -> str:
    """Return the text that the page's filter searches."""
    texts = {
        text: None
        for one in group.differences
        for text in (one.scenario, one.run, one.service, one.task, one.field, one.message, one.accepted)
        if text
    }
    return " ".join((group.first.verdict, group.field, *texts)).lower()[:WORDS]
