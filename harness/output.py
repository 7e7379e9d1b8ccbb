"""Files that the user asked for: seen to be possible before anything is started, and written whole or not at all."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import OutputError


@contextmanager
def output_errors(what: str, place: Path) -> Iterator[None]:
    """Raises OutputError, which names `what` was to be written and where, for an OSError inside."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"{what} can't be written to {place} ({why}): name another place, or make room") from error


def check_folder(what: str, folder: Path) -> None:
    """Makes `folder` and sees that it can be written to. Raises OutputError."""
    with output_errors(what, folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def check_file(what: str, file: Path) -> None:
    """Sees that `file` can be written, and leaves no trace of that. Raises OutputError."""
    there = file.exists()
    with output_errors(what, file), file.open("a"):
        pass
    if not there:
        file.resolve().unlink()  # the end of a link that led nowhere


def write(file: Path, text: str) -> None:
    """In place of what was there: who reads it meanwhile sees the old text or the new one. Raises OSError.

    What can't be replaced is written to: a device, a link's end, a file in a folder that takes no new one.
    """
    if file.is_symlink() or (file.exists() and not (file.is_file() and os.access(file.parent, os.W_OK))):
        file.write_text(text, encoding="utf-8")
        return
    partial = file.with_name(f".{secrets.token_hex(8)}.partial")  # a name as long as the file's may be too long
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
