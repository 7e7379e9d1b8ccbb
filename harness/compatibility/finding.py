"""One reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class CompatibilityFinding:
    """`what` is in the way at `places` (FILE:LINE, relative to the dags folder); `modern` is what to write instead."""

    what: str
    modern: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.places)}: {self.what}; {self.modern}"


def merged(found: Iterable[CompatibilityFinding]) -> tuple[CompatibilityFinding, ...]:
    """Each reason once, with all its places, in the order of their first."""
    places: dict[tuple[str, str], list[str]] = {}
    for one in found:
        known = places.setdefault((one.what, one.modern), [])
        known += [place for place in one.places if place not in known]
    return tuple(CompatibilityFinding(what, modern, tuple(known)) for (what, modern), known in places.items())
