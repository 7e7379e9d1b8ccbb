"""The lines of the speed table, as plain data and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


class BenchmarkError(Exception):
    """A row that could not be measured. The message gives the reason."""


@dataclass(frozen=True)
class Goal:
    """A goal for a figure: at most `bound`, or at least `bound`."""

    bound: float
    at_least: bool = False

    def met(self, figure: float) -> bool:
        return figure >= self.bound if self.at_least else figure <= self.bound

    def best(self, figures: Sequence[float]) -> float:
        """Return the best figure: the largest or the smallest, by the kind of goal."""
        return max(figures) if self.at_least else min(figures)

    def times_worse(self, figure: float, than: float) -> float:
        """Return how many times worse `figure` is: 2 is twice as bad, 1 is equal."""
        small, big = (figure, than) if self.at_least else (than, figure)
        return big / small if small else float("inf")


@dataclass(frozen=True)
class Line:
    """A line of the table: measurements `ours` and `against`, the baseline's.

    `unit`: unit of both. `key`: name of the line in every run. `row`: number of its row. Without `against` the figure
    is `ours` itself, else the ratio of both.
    """

    row: int
    key: str
    what: str
    unit: str
    ours: tuple[float, ...]
    against: tuple[float, ...] = ()
    goal: Goal | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.ours or not all(value > 0 for value in self.against):
            raise BenchmarkError(f"{self.key}: nothing was measured ({self.ours} against {self.against})")

    @property
    def is_ratio(self) -> bool:
        return bool(self.against)

    @property
    def figure(self) -> float:
        """The ratio of the medians, or the median without a baseline."""
        ours = statistics.median(self.ours)
        return ours / statistics.median(self.against) if self.is_ratio else ours

    @property
    def figures(self) -> tuple[float, ...]:
        """The ratio of each pair of measurements, or each measurement without a baseline."""
        if not self.is_ratio:
            return self.ours
        return tuple(ours / against for ours, against in zip(self.ours, self.against, strict=False))

    @property
    def met(self) -> bool | None:
        return self.goal.met(self.figure) if self.goal else None


def as_json(line: Line) -> dict[str, Any]:
    return asdict(line) | {"figure": line.figure, "met": line.met}


def from_json(entry: Mapping[str, Any]) -> Line:
    """Read the output of as_json. The figure is computed again."""
    goal = entry["goal"]
    return Line(
        row=entry["row"],
        key=entry["key"],
        what=entry["what"],
        unit=entry["unit"],
        ours=tuple(entry["ours"]),
        against=tuple(entry["against"]),
        goal=Goal(goal["bound"], goal["at_least"]) if goal else None,
        note=entry["note"],
    )
