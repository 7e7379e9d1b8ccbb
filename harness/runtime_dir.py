"""The private folder: where one user's processes on one checkout find what outlives a test run."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from harness.errors import HarnessError

NAME = "airflow-scenario-harness"
CHECKOUT = "checkout"
"""A file in the folder: the path of its checkout."""


class RuntimeDirError(HarnessError):
    """Somebody else could look into the folder."""


def runtime_dir(root: Path, base: Path | None = None) -> Path:
    """The folder of this user and the checkout at `root`, in runtime_base() or what that was earlier: `base`.

    Nobody else can look into it. Raises RuntimeDirError where something of that name is there already and is not this
    user's own.
    """
    key = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    base = base or runtime_base()
    folder = base / key
    for made in (base, folder):
        with suppress(FileExistsError):
            made.mkdir(mode=0o700)
        status = made.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise RuntimeDirError(
                f"{made} is not private to this user: remove it, or set XDG_RUNTIME_DIR to a folder of your own"
            )
    if not (folder / CHECKOUT).exists():
        (folder / CHECKOUT).write_text(str(root.resolve()))
    return folder


def checkouts() -> list[Path]:
    """The roots of all checkouts for which this user has a private folder; a root itself may have gone."""
    return sorted(Path(file.read_text()) for file in runtime_base().glob(f"*/{CHECKOUT}"))


def runtime_base() -> Path:
    """In $XDG_RUNTIME_DIR where there is one, else in the temporary folder: the path of a socket may have a hundred
    characters at most.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / NAME if runtime else Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
