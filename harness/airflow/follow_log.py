"""Follow the log of a run while the run writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.polling import call_repeatedly

EVERY = 0.1
"""Seconds between two reads."""


@contextmanager
def follow_log(file: Path, write: Callable[[str], None]) -> Iterator[None]:
    """Pass each line of the file, which may not exist yet, to `write` until the context ends."""
    position, rest = 0, b""

    def read() -> None:
        nonlocal position, rest
        if not file.exists():
            return
        with file.open("rb") as log:
            log.seek(position)
            new = log.read()
        position += len(new)
        *lines, rest = (rest + new).split(b"\n")
        for line in lines:
            write(line.decode(errors="replace"))

    try:
        with call_repeatedly(read, EVERY, "log"):
            yield
    finally:
        if rest:
            write(rest.decode(errors="replace"))
