"""Show the same difference in many places once, so that each line shows something new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.compare.model import Difference
from harness.compare.verdicts import BY_IMPORTANCE

TOGETHER: Final = 3
"""More differences than this below one field of a run are shown together."""
SERVICES: Final = ("minio", "postgres", "aws", "relay", "airflow", "dags folder")
"""In the order of importance: first what a DAG did, then how it came to that."""
LISTED: Final = 10
"""Places that a group lists."""


@dataclass(frozen=True)
class Group:
    """Differences that are shown as one."""

    differences: tuple[Difference, ...]
    field: str
    message: str
    detail: tuple[str, ...]

    @property
    def first(self) -> Difference:
        return self.differences[0]


def group_differences(differences: Sequence[Difference]) -> list[Group]:
    """Return the groups, ordered by the importance of their verdicts and services.

    Groups of the same importance keep the order of the differences.
    """
    below: dict[Any, list[Difference]] = {}
    for one in differences:
        below.setdefault((one.scenario, one.run, one.service, one.verdict, one.accepted, one.above), []).append(one)
    merged: dict[Any, list[Difference]] = {}
    for members in below.values():
        first = members[0]
        kind = (first.service, first.verdict, first.accepted)
        if len(members) > TOGETHER and first.above:
            fields = tuple(one.field for one in members)
            merged.setdefault((True, *kind, fields), []).extend(members)
        else:
            for one in members:
                merged.setdefault((False, *kind, one.alike), []).append(one)
    groups = [_below(members) if key[0] else _alike(members) for key, members in merged.items()]
    return sorted(groups, key=_rank)


def _rank(group: Group) -> tuple[int, bool, int]:
    first = group.first
    return BY_IMPORTANCE.index(first.verdict), not first.fails, SERVICES.index(first.service)


def _below(members: Sequence[Difference]) -> Group:
    first = members[0]
    fields = {one.field: one for one in members}
    lines = [f"{one.field.removeprefix(first.above).lstrip('.')}: {one.message}" for one in fields.values()]
    places = dict.fromkeys(_place(one) for one in members)
    also = [f"also in {place}" for place in list(places)[1:]]
    return Group(tuple(members), f"{first.above}.*", f"{len(fields)} differences", (*_limit(lines), *_limit(also)))


def _alike(members: Sequence[Difference]) -> Group:
    first = members[0]
    also = [f"also {one.field} in {_place(one)}" for one in members[1:]]
    return Group(tuple(members), first.field, first.message, (*first.detail, *_limit(also)))


def _place(one: Difference) -> str:
    return f"{one.scenario} ({one.run})" if one.run else one.scenario


def _limit(lines: Sequence[str]) -> list[str]:
    return [*lines[:LISTED], *([f"... and {len(lines) - LISTED} more"] if len(lines) > LISTED else [])]
