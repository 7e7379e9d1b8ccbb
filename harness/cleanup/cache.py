"""The cache folder: what can be made again, at the cost of minutes.

It may be a folder that the user chose, with other things in it, so each thing is known by its form, and nearly all by
a lock beside it, which who makes it holds.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from harness.cleanup.leftovers import Left
from harness.errors import ImageError

LOGS = re.compile(r"image-[\w.-]+\.log|traceback\.log")
MADE = (
    (".", re.compile(r"go-\d[\w.]*|go-wheel"), ("", ".half")),
    ("work", re.compile(r"[\w.-]+"), (f"-{8 * '?'}",)),
    ("metadata", re.compile(r"[0-9a-f]{16}"), (".dump", ".partial")),
)
"""By folder: what stands before `.lock`, and what follows the same in the names of what is made under that lock."""


def of_cache(folder: Path) -> Iterator[Left]:
    for file in sorted((folder / "logs").glob("*")):
        if LOGS.fullmatch(file.name):
            yield Left("cache file", str(file), partial(file.unlink, missing_ok=True))
    for place, stems, endings in MADE:
        for lock in sorted((folder / place).glob("*.lock")):
            if stems.fullmatch(lock.stem):
                yield Left("cache entry", str(lock.with_suffix("")), partial(_remove_made, lock, endings))


def _remove_made(lock: Path, endings: tuple[str, ...]) -> None:
    """Raises ImageError where it is being made."""
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise ImageError(f"{lock} is held: something is being made, wait until that has ended") from error
    try:
        for made in (found for ending in endings for found in lock.parent.glob(f"{lock.stem}{ending}")):
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        lock.unlink(missing_ok=True)
    finally:
        held.release()
