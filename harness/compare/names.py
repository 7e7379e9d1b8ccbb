"""Match entries whose names differ in every run, such as keys with a random part."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from harness.evidence.normalise import NEAR

VARYING: Final = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[A-Za-z0-9]{16,}|[0-9a-fA-F]{6,}|\d+"
)
"""Parts of a name that programs generate."""
NamePattern = tuple[str, Sequence[str]]
"""A pattern, and names that match it although both runs of the baseline have them."""
TOKEN: Final = re.compile(r"\[([*?[])\]|\*|\?|[^*?[]+|\[")
"""The parts of a pattern."""
COMPARED: Final = 200
"""Names without generated parts that are compared with each other."""


def find_patterns(before: Sequence[str], after: Sequence[str], today: dt.date | None = None) -> list[str]:
    """Return patterns of names that differ only in generated parts or in one part.

    In a pattern `*` is a generated part, `?` a character, and `[*]` the character itself. A generated part that is the
    same in all names of its shape, such as the date of a partition, stays as it is, unless it is of the clock: a date
    near `today`, or what follows such a date.
    """
    today = today or dt.datetime.now(dt.UTC).date()
    by_shape: dict[str, tuple[list[str], list[str]]] = {}
    for side, names in enumerate((before, after)):
        for name in names:
            by_shape.setdefault(_replace_varying(name), ([], []))[side].append(name)
    patterns = [_generalise([*old, *new], today) for old, new in by_shape.values() if old and new]
    single = [name for old, new in by_shape.values() if not new for name in old]
    left = [name for old, new in by_shape.values() if not old for name in new][:COMPARED]
    for name in single[:COMPARED]:
        partner = next((other for other in left if _differ_in_one_part(name, other)), None)
        if partner is not None:
            left.remove(partner)
            start, end = _common_ends(name, partner)
            patterns.append(f"{_literal(start)}{'?' * (len(name) - len(start) - len(end))}{_literal(end)}")
    return list(dict.fromkeys(patterns))


def _generalise(names: Sequence[str], today: dt.date) -> str:
    """Return the pattern of names with the same shape."""
    texts, clock = zip(*(VARYING.findall(name) for name in names), strict=True), _find_clock(names[0], today)
    parts = enumerate(zip(VARYING.finditer(names[0]), texts, strict=True))
    stays = [number for number, (part, found) in parts if len(set(found)) == 1 and part.end() <= clock]
    return _replace_varying(names[0], stays)


def _find_clock(name: str, today: dt.date) -> int:
    """Return where a date near today or such seconds since 1970 start, or else the name's end."""
    days = [today + dt.timedelta(days) for days in range(-NEAR.days, NEAR.days + 1)]
    found = list(re.finditer("|".join(day.strftime(r"%Y\D?%m\D?%d") for day in days), name))
    seconds = re.finditer(r"(?=(\d{10}))", name)
    found += [one for one in seconds if dt.datetime.fromtimestamp(int(one[1]), dt.UTC).date() in days]
    return min((one.start() for one in found), default=len(name))


def _replace_varying(name: str, stays: Collection[int] = ()) -> str:
    """Return the name as a pattern with `*` for each generated part.

    `stays`: the numbers of the parts that stay instead.
    """
    parts, at = [], 0
    for number, match in enumerate(VARYING.finditer(name)):
        parts += [_literal(name[at : match.start()]), match[0] if number in stays else "*"]
        at = match.end()
    return "".join((*parts, _literal(name[at:])))


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


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)


def find_constant(names: Iterable[str], pattern: str) -> tuple[str, ...]:
    """Return the names that match the pattern; two runs have all of them, so none is generated."""
    return tuple(filter(_compile(pattern).fullmatch, names))


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(map(_compile_token, TOKEN.finditer(pattern))), re.DOTALL)


def _compile_token(token: re.Match[str]) -> str:
    if token[0] == "*":
        return f"(?>{VARYING.pattern})"  # atomic, because a hostile pattern would backtrack for years
    return "." if token[0] == "?" else re.escape(token[1] or token[0])


def pair_names(
    before: Mapping[str, Any], after: Mapping[str, Any], patterns: Sequence[NamePattern], content: Callable[[Any], str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return new names for entries that belong together under different names.

    The first mapping is for the baseline's entries, the second for the candidate's. For each pattern, names that one
    side alone has are paired: equal contents first, then in order. The names that are left over stay, so that a missing
    entry is still missing.
    """
    renamed: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for pattern, constant in patterns:
        known, matches = set(constant), _compile(pattern).fullmatch
        old = [
            one for one in before if one not in after and one not in renamed[0] and one not in known and matches(one)
        ]
        new = [
            one for one in after if one not in before and one not in renamed[1] and one not in known and matches(one)
        ]
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
