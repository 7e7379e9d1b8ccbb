"""The runtime folder of a user and a checkout: files that outlive a test run."""

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
"""Name of the file in the folder that contains the path of the checkout."""


class RuntimeDirError(HarnessError):
    """Other users could read the folder."""


def runtime_dir(root: Path, base: Path | None = None) -> Path:
    """Create and return the private folder of this user and the checkout at `root`.

    `base` replaces runtime_base(), for folders created under another value. Raises RuntimeDirError if the path exists
    and is not private to this user.
    """
    key = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    base = base or runtime_base()
    folder = base / key
    for path in (base, folder):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise RuntimeDirError(
                f"{path} is not private to this user: remove it, or set XDG_RUNTIME_DIR to a folder of your own"
            )
    if not (folder / CHECKOUT).exists():
        (folder / CHECKOUT).write_text(str(root.resolve()))
    return folder


def hosts_folder(root: Path) -> Path:
    """Create and return the folder of this user's warm hosts for the checkout at `root`."""
    folder = runtime_dir(root) / "hosts"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def list_checkouts() -> list[Path]:
    """Return the roots of this user's checkouts; a root may no longer exist."""
    return sorted(Path(file.read_text()) for file in runtime_base().glob(f"*/{CHECKOUT}"))


def runtime_base() -> Path:
    """Return the parent of all runtime folders, in $XDG_RUNTIME_DIR or the temporary folder.

    The path must be short, because the path of a socket has at most about a hundred characters.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / NAME if runtime else Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
