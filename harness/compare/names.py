"""Match entries whose names differ in every run, such as keys with a random part."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

VARYING: Final = re.compile(r"[0-9a-fA-F]{6,}|\d+|[A-Za-z0-9]{16,}")
"""Parts of a name that programs generate."""
COMPARED: Final = 200
"""Names without such parts that are compared with each other."""


def find_patterns(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return patterns of names that differ only in generated parts or in one part.

    Each pattern matches a pair of names, one of each side.
    """
    patterns: list[str] = []
    by_shape: dict[str, list[str]] = {}
    for name in reversed(after):
        by_shape.setdefault(_shape(name), []).append(name)
    single = []
    for name in before:
        partners = by_shape.get(_shape(name))
        if partners:
            patterns.append(_pattern(name, partners.pop()))
        else:
            single.append(name)
    left = [name for names in by_shape.values() for name in names][:COMPARED]
    for name in single[:COMPARED]:
        partner = next((other for other in left if _differ_in_one_part(name, other)), None)
        if partner is not None:
            left.remove(partner)
            patterns.append(_pattern(name, partner))
    return list(dict.fromkeys(patterns))


def _shape(name: str) -> str:
    return VARYING.sub("*", name)


def _differ_in_one_part(name: str, other: str) -> bool:
    """Return whether the names are equal except for a random part.

    Such names have the same length, and their common start and end are at least half of it.
    """
    start, end = _common_ends(name, other)
    return len(name) == len(other) and 2 * (len(start) + len(end)) >= len(name)


def _common_ends(name: str, other: str) -> tuple[str, str]:
    """Return the longest common start of two names, and the longest common end of the rest."""
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
    """Return new names for entries that belong together under different names.

    The first mapping is for the baseline's entries, the second for the candidate's. For each pattern, names that one
    side alone has are paired: equal contents first, then in order. The names that are left over stay, so that a missing
    entry is still missing.
    """
    renamed: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for pattern in patterns:
        old = [name for name in before if name not in after and name not in renamed[0] and fnmatchcase(name, pattern)]
        new = [name for name in after if name not in before and name not in renamed[1] and fnmatchcase(name, pattern)]
        pairs: list[tuple[str, str]] = []
        by_content: dict[str, list[str]] = {}
        for name in reversed(new):
            by_content.setdefault(content(after[name]), []).append(name)
        for name in old:
            same = by_content.get(content(before[name]))
            if same:
                pairs.append((name, same.pop()))
        paired = {name for pair in pairs for name in pair}
        rest = (sorted(name for name in names if name not in paired) for names in (old, new))
        pairs += list(zip(*rest, strict=False))
        for number, (name, partner) in enumerate(sorted(pairs), start=1):
            shown = pattern if len(pairs) == 1 else f"{pattern} ({number})"
            renamed[0][name] = renamed[1][partner] = shown
    return renamed
