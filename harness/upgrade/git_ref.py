"""The dags folder as a git reference has it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from harness.errors import SettingsError, in_one_line


def extract_dags_folder(reference: str, dags_folder: Path, to: Path) -> Path:
    """Write the dags folder of the git reference to the folder `to`, and return where it is.

    Raises SettingsError if git has no such reference, or the folder is not in it.
    """
    top = Path(_git(dags_folder, "rev-parse", "--show-toplevel", reference=reference).decode().strip())
    name = dags_folder.resolve().relative_to(top)
    # `--` would make git read the reference as a path, so a reference that looks like an option is refused.
    if reference.startswith("-"):
        raise SettingsError(f"--to-ref {reference!r} is not a git reference: name a branch, tag or commit")
    archive = _git(top, "archive", "--format=tar", reference, "--", str(name), reference=reference)
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        content.extractall(to, filter="data")
    return to / name


def _git(folder: Path, *arguments: str, reference: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=True).stdout
    except OSError as error:
        raise SettingsError(f"--to-ref {reference!r} needs git ({error.strerror}): install git") from error
    except subprocess.CalledProcessError as error:
        why = in_one_line(error.stderr.decode(errors="replace"))
        raise SettingsError(
            f"--to-ref {reference!r}: git can't give {folder} at it ({why}): name a branch, tag or commit that has it"
        ) from error
