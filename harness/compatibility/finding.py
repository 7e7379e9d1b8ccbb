"""A compatibility finding: one reason why a DAG file does not load or run on this Airflow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class CompatibilityFinding:
    """A reason (`what`), its `places` (FILE:LINE) and the replacement (`modern`)."""

    what: str
    modern: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.places)}: {self.what}; {self.modern}"


def merge_findings(findings: Iterable[CompatibilityFinding]) -> tuple[CompatibilityFinding, ...]:
    """Return each reason once, with all its places, in the order of first occurrence."""
    places: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        known = places.setdefault((finding.what, finding.modern), [])
        known += [place for place in finding.places if place not in known]
    return tuple(CompatibilityFinding(what, modern, tuple(known)) for (what, modern), known in places.items())
