"""Names that differ in every run, such as an object's key with a random part, and which entries belong together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

VARYING: Final = re.compile(r"[0-9a-fA-F]{6,}|\d+|[A-Za-z0-9]{16,}")
"""Parts of a name that programs generate."""


def find_patterns(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return a pattern for each pair of names, one of each side, that differ only in generated parts or in one part."""
    patterns, left = [], list(after)
    for name in before:
        partner = next((other for other in left if _shape(other) == _shape(name)), None)
        if partner is None:
            partner = next((other for other in left if _differ_in_one_part(name, other)), None)
        if partner is not None:
            left.remove(partner)
            patterns.append(_pattern(name, partner))
    return list(dict.fromkeys(patterns))


def _shape(name: str) -> str:
    return VARYING.sub("*", name)


def _differ_in_one_part(name: str, other: str) -> bool:
    """Return whether the names are equal but for a random part: same length, and at least half is the same."""
    start, end = _common_ends(name, other)
    return len(name) == len(other) and 2 * (len(start) + len(end)) >= len(name)


def _common_ends(name: str, other: str) -> tuple[str, str]:
    """Return the longest common start of two names, and the longest common end of what follows."""
    most = min(len(name), len(other))
    start = next((at for at in range(most) if name[at] != other[at]), most)
    end = next((at for at in range(most - start) if name[-1 - at] != other[-1 - at]), most - start)
    return name[:start], name[len(name) - end :]


def _pattern(name: str, other: str) -> str:
    if _shape(name) == _shape(other) and "*" in _shape(name):
        return _escape(name, VARYING)
    start, end = _common_ends(name, other)
    return f"{_literal(start)}*{_literal(end)}"


def _escape(name: str, varying: re.Pattern[str]) -> str:
    parts, at = [], 0
    for match in varying.finditer(name):
        parts += [_literal(name[at : match.start()]), "*"]
        at = match.end()
    return "".join((*parts, _literal(name[at:])))


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)


def pair_names(
    before: Mapping[str, Any], after: Mapping[str, Any], patterns: Sequence[str], content: Callable[[Any], str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return new names of the baseline's and the candidate's entries that belong together under different names.

    For each pattern, names that one side alone has are paired: equal contents first, then in order. The names that are
    left over stay, so that a missing entry is still missing.
    """
    renamed: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for pattern in patterns:
        old = [name for name in before if name not in after and name not in renamed[0] and fnmatchcase(name, pattern)]
        new = [name for name in after if name not in before and name not in renamed[1] and fnmatchcase(name, pattern)]
        pairs = []
        for name in list(old):
            partner = next((other for other in new if content(after[other]) == content(before[name])), None)
            if partner is not None:
                pairs.append((name, partner))
                old.remove(name)
                new.remove(partner)
        pairs += list(zip(sorted(old), sorted(new), strict=False))
        for number, (name, partner) in enumerate(sorted(pairs), start=1):
            shown = pattern if len(pairs) == 1 else f"{pattern} ({number})"
            renamed[0][name] = renamed[1][partner] = shown
    return renamed
