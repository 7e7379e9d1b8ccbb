"""Output files: checked before any work starts, and written atomically."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import OutputError


@contextmanager
def writing(what: str, place: Path) -> Iterator[None]:
    """Convert an OSError inside the context to an OutputError that names `what` and `place`."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"{what} can't be written to {place} ({why}): choose another path, or free space") from error


def check_folder(what: str, folder: Path) -> None:
    """Create `folder` and check that it is writable. Raises OutputError."""
    with writing(what, folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def check_file(what: str, file: Path) -> None:
    """Check that `file` is writable, without creating it. Raises OutputError."""
    there = file.exists()
    with writing(what, file), file.open("a"):
        pass
    if not there:
        file.resolve().unlink()  # resolved, because `file` may be a dangling link


def write(file: Path, text: str) -> None:
    """Replace the content of `file`, atomically for concurrent readers. Raises OSError.

    A device, a link's target, and a file in a read-only folder can't be replaced and are overwritten.
    """
    if file.is_symlink() or (file.exists() and not (file.is_file() and os.access(file.parent, os.W_OK))):
        file.write_text(text, encoding="utf-8")
        return
    partial = file.with_name(f".{secrets.token_hex(8)}.partial")  # A longer name than the file's may exceed the limit.
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
