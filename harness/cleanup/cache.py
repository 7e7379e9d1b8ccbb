"""Find files in the cache folder that can be rebuilt, which takes minutes.

The user may have chosen a folder with other files in it. A file of the harness is recognised by its name, and most
files also by their lock, which a process holds while it writes the file.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from harness.cleanup.leftovers import Leftover
from harness.errors import ImageError

LOGS = re.compile(r"(image|environment)-[\w.-]+\.log|traceback\.log")
ENTRIES = (
    (".", re.compile(r"go-\d[\w.]*|go-wheel"), ("", ".partial")),
    ("work", re.compile(r"[\w.-]+"), (f"-{8 * '?'}",)),
    ("environments", re.compile(r"[0-9a-f]{16}"), ("", ".partial")),
    ("metadata", re.compile(r"[0-9a-f]{16}"), (".dump", ".partial")),
)
"""Folder, stem of the lock's name, and the suffixes that follow this stem in the names of the entry's files."""


def find_cache_files(folder: Path) -> Iterator[Leftover]:
    for file in sorted((folder / "logs").glob("*")):
        if LOGS.fullmatch(file.name):
            yield Leftover("cache file", str(file), partial(file.unlink, missing_ok=True))
    for subfolder, stem, suffixes in ENTRIES:
        for lock in sorted((folder / subfolder).glob("*.lock")):
            if stem.fullmatch(lock.stem):
                yield Leftover("cache entry", str(lock.with_suffix("")), partial(_remove_entry, lock, suffixes))


def _remove_entry(lock: Path, suffixes: tuple[str, ...]) -> None:
    """Remove the files of a lock, and the lock.

    Raises ImageError if another process holds the lock.
    """
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise ImageError(f"{lock} is locked: another process writes this entry; wait until it ends") from error
    try:
        for path in (path for suffix in suffixes for path in lock.parent.glob(f"{lock.stem}{suffix}")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        lock.unlink(missing_ok=True)
    finally:
        held.release()
