"""One thing that the harness created and no longer needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Leftover:
    """`kind` is a noun in the singular. `remove` raises HarnessError or OSError if it fails."""

    kind: str
    name: str
    remove: Callable[[], object]
