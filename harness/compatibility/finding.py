"""A compatibility finding: one reason why a DAG file does not load or run on this Airflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

SHOWN = 4
"""Number of places in a line of text; `harness list --json` has all."""


class Installed(Protocol):
    """The Airflow environment that a finding is about: see harness.airflow.environments."""

    @property
    def airflow_version(self) -> str: ...
    @property
    def major(self) -> int: ...
    @property
    def python_minor(self) -> str: ...
    @property
    def packages(self) -> Mapping[str, str]: ...
    @property
    def folders(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class CompatibilityFinding:
    """A reason (`what`), its `places` (FILE:LINE) and the replacement (`modern`)."""

    what: str
    modern: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"{format_files(self.places)}: {self.what}; {self.modern}"


def format_files(places: Sequence[str]) -> str:
    """Return the first places and the number of the others."""
    more = len(places) - SHOWN
    return ", ".join(places[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def merge_findings(findings: Iterable[CompatibilityFinding]) -> tuple[CompatibilityFinding, ...]:
    """Return each reason once, with all its places, in the order of first occurrence."""
    places: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        known = places.setdefault((finding.what, finding.modern), [])
        known += [place for place in finding.places if place not in known]
    return tuple(CompatibilityFinding(what, modern, tuple(known)) for (what, modern), known in places.items())
