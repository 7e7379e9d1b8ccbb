"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """`todo` is empty where there is nothing to do. `warn`: scenarios run, though maybe not all."""

    check: str
    status: Status
    found: str
    todo: str = ""
