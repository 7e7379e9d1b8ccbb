"""Output files of the user: check early that they are writable, and write atomically."""

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
    """Convert an OSError to an OutputError that names the output (`what`) and its place."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"{what} can't be written to {place} ({why}): choose another path, or free space") from error


def check_folder(what: str, folder: Path) -> None:
    """Create `folder` and check that it is writable. Raises OutputError."""
    with output_errors(what, folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def check_file(what: str, file: Path) -> None:
    """Check that `file` is writable, and leave no new file. Raises OutputError."""
    existed = file.exists()
    with output_errors(what, file), file.open("a"):
        pass
    if not existed:
        file.resolve().unlink()  # resolved, because `file` may be a broken link, whose target now exists


def write(file: Path, text: str) -> None:
    """Replace the content of `file` atomically. Raises OSError.

    A device, a link's target and a file in a read-only folder can't be replaced, so they are overwritten.
    """
    if file.is_symlink() or (file.exists() and not (file.is_file() and os.access(file.parent, os.W_OK))):
        file.write_text(text, encoding="utf-8")
        return
    partial = file.with_name(f".{secrets.token_hex(8)}.partial")  # a longer form of the file's name may be too long
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
