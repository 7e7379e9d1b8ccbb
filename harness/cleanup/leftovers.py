"""One thing that was left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Left:
    """`kind` is a word in the singular; `remove` raises HarnessError or OSError where it can't."""

    kind: str
    name: str
    remove: Callable[[], object]
