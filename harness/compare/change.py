"""A difference between two values as the comparison finds it, before it has a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.compare.model import Service
from harness.compare.verdicts import ABSENT, Path

T = TypeVar("T")
IsUnstable = Callable[[Path], bool]
"""Whether a field of the same scenario and run is unstable."""


@dataclass(frozen=True)
class Change:
    """A field that differs between the two sides.

    `before` and `after` are ABSENT where a side lacks the field; `message` follows the field's name in outputs.
    """

    path: Path
    before: Any
    after: Any
    service: Service = "airflow"
    task: str | None = None
    message: str = ""
    detail: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        return ".".join(self.path)


def both(of: Callable[[T], Any], before: T, after: T) -> tuple[Any, Any]:
    """Return `of` each side, the values of a change."""
    return of(before), of(after)


def count(entries: Mapping[str, Sized], name: str, word: str) -> Any:
    """Return `12 tasks` for an entry with 12 members, or ABSENT."""
    return f"{len(entries[name])} {word}" if name in entries else ABSENT
