"""The files that a host has loaded, and whether one of them has changed since."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable

UNSURE = -1
"""In place of the time of a file's last change: it may have been changed after it was read."""


class LoadedFiles:
    """Each file's name with the time of its last change when it was loaded (ns).

    They are looked through before every run, when forks share all of the host's memory: what is read object by object
    is copied page by page then, since Python counts references in the object. So both are kept as bytes in one piece.
    """

    def __init__(self) -> None:
        self._names = b""
        self._times = array("q")

    def add(self, files: Iterable[str], since: int, now: int) -> None:
        """What is known already is not read again. A file changed from `since` to `now` (ns) makes the host unfit."""
        new = {os.fsencode(file) for file in files}.difference(self._names.split(b"\0"))
        times = {file: _changed(file) for file in new}
        self._names += b"".join(file + b"\0" for file in times)
        self._times.extend(UNSURE if since <= at <= now else at for at in times.values())

    def changed(self) -> str | None:
        """The first one that is not as it was."""
        start = 0
        for at in self._times:
            end = self._names.index(b"\0", start)
            name = self._names[start:end]
            if _changed(name) != at:
                return os.fsdecode(name)
            start = end + 1
        return None


def _changed(file: bytes) -> int:
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 - two thousand of them, before every run
    except OSError:
        return 0
