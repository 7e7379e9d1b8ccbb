"""Names for an error about a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

NAMES_SHOWN = 10


def format_nearest_first(name: str, names: Iterable[str]) -> str:
    """Format names on one line, those that resemble `name` most first.

    The line is an empty text if there are no names.
    """
    matcher = SequenceMatcher(b=name)

    def distance(other: str) -> tuple[float, str]:
        matcher.set_seq1(other)
        return -matcher.ratio(), other

    ordered = sorted(names, key=distance)
    more = f" and {len(ordered) - NAMES_SHOWN} more" if len(ordered) > NAMES_SHOWN else ""
    return ", ".join(map(repr, ordered[:NAMES_SHOWN])) + more
