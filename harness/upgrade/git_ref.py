"""The candidate's DAGs as a git reference has them."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import SettingsError, in_one_line

FOLDER = ".harness"
PREFIX = "ref-"
"""How the copy in FOLDER begins; harness.record.rules replaces its path in evidence."""


@contextmanager
def dags_of_reference(reference: str, dags_folder: Path, root: Path, report: Path) -> Iterator[Path]:
    """Yield the dags folder of the git reference, in a folder that ends with the block.

    The folder around it is there too, because DAGs import from `include` beside them, or have links to other folders.
    It is inside the project, where harness.airflow.layout finds those folders. Raises SettingsError.
    """
    if not dags_folder.parent.is_relative_to(root):
        # All of the project is DAGs, so Airflow would read the copy too.
        with tempfile.TemporaryDirectory() as to:
            yield extract_dags_folder(reference, dags_folder, root, Path(to))
        return
    # The same path in every check with this report, so that a warm host fits, and what a killed check left is removed.
    copy = root / FOLDER / f"{PREFIX}{hashlib.sha256(str(report.resolve()).encode()).hexdigest()[:8]}"
    shutil.rmtree(copy, ignore_errors=True)
    try:
        yield extract_dags_folder(reference, dags_folder, root, copy)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def extract_dags_folder(reference: str, dags_folder: Path, root: Path, to: Path) -> Path:
    """Write the folder around the dags folder, as the git reference has it, to `to`.

    Return the dags folder in the copy. If the folder around is outside the repository or the project at `root`, the
    dags folder is written alone. Raises SettingsError if git has no such reference, or the dags folder is not in it.
    """
    top = Path(_git(dags_folder, "rev-parse", "--show-toplevel", reference=reference).decode().strip())
    # `--` would make git read the reference as a path, so a reference that looks like an option is refused.
    if reference.startswith("-"):
        raise SettingsError(f"--to-ref {reference!r} is not a git reference: name a branch, tag or commit")
    around = dags_folder.parent
    if not (around.is_relative_to(root) and around.is_relative_to(top)):
        around = dags_folder
    name = dags_folder.relative_to(around)
    archive = _git(around, "archive", "--format=tar", reference, reference=reference)
    copy = to / around.relative_to(root) if around.is_relative_to(root) else to
    copy.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        content.extractall(copy, filter="tar")  # which keeps links as a checkout does
    if not (copy / name).is_dir():
        raise _refusal(reference, dags_folder, "it has no such folder")
    return copy / name


def _git(folder: Path, *arguments: str, reference: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=True).stdout
    except OSError as error:
        raise SettingsError(f"--to-ref {reference!r} needs git ({error.strerror}): install git") from error
    except subprocess.CalledProcessError as error:
        raise _refusal(reference, folder, in_one_line(error.stderr.decode(errors="replace"))) from error


def _refusal(reference: str, folder: Path, why: str) -> SettingsError:
    return SettingsError(
        f"--to-ref {reference!r}: git can't give {folder} at it ({why}): name a branch, tag or commit that has it"
    )
