"""A difference between two values as the comparison finds it, before it has a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.compare.model import Service
from harness.compare.verdicts import Path

IsUnstable = Callable[[str], bool]
"""Whether a field of the same scenario and run is unstable."""


@dataclass(frozen=True)
class Change:
    """`before` and `after` are ABSENT where a side lacks the field; `message` follows the field's name in outputs."""

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
