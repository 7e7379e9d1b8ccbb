"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of `check`. `todo` is the remedy, or empty.

    With status `warn` scenarios run, though perhaps not all of them.
    """

    check: str
    status: Status
    found: str
    todo: str = ""
