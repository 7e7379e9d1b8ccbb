"""The cache folder: what can be made again, at the cost of minutes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.clean.left import Left

OURS = ("go-*", "logs", "metadata", "work")
"""What the harness has in it. The folder may be one that the user chose, with other things in it."""


def of_cache(folder: Path) -> Iterator[Left]:
    for pattern in OURS:
        for one in sorted(folder.glob(pattern)):
            size = sum(file.stat().st_size for file in one.rglob("*") if file.is_file())
            yield Left("cache folder", f"{one} ({size / 1e6:.1f} MB)", partial(shutil.rmtree, one))
