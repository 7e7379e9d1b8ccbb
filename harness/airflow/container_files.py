"""Pack a run's files for a container of an Airflow image, and unpack those that it leaves.

Files are copied as a tar, not mounted: the engine may be on another machine, and the user of the image is not the user
of this machine. They have the same paths in the container, so that logs, tracebacks and the metadata database name the
files of the project.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from harness.airflow.environments import INSIDE
from harness.airflow.layout import CONFIG_LINK

FOLDERS = ("AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER", "PYTHONPATH")
"""Variables of a run that name folders of the project."""
LEFT_OUT = ("__pycache__", "node_modules")
MEMORY = 2**24
"""Bytes of a tar that are kept in memory; a larger tar is a temporary file."""


def list_folders(env: Mapping[str, str], home: Path, root: Path) -> list[Path]:
    """Return the paths that a run reads.

    The paths are the run's home, the project's folders, and each path below `root` that a variable names.
    """
    named = [Path(part) for name in FOLDERS for part in env.get(name, "").split(os.pathsep) if part]
    values = (Path(value) for value in env.values() if value.startswith(f"{root}{os.sep}") and "\n" not in value)
    config = home / CONFIG_LINK
    linked = [Path(os.readlink(config))] if config.is_symlink() else []  # noqa: PTH115 - the path that Airflow sees
    return list(dict.fromkeys([home, INSIDE, *named, *linked, *(path for path in values if os.path.lexists(path))]))


def pack(folders: Sequence[Path], files: Mapping[str, bytes] | None = None) -> IO[bytes]:
    """Return a tar of the folders, at their paths, and of `files` by absolute path.

    Everybody may write the files, because a container serves one command and its user is unknown here.
    """
    out = tempfile.SpooledTemporaryFile(MEMORY)  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=out, mode="w") as tar:
        if any(folder.is_relative_to("/root") for folder in folders):
            # The users of most images can't enter this folder.
            _add(tar, Path("/root"), 0o711)
        seen: set[str] = set()
        for path in (path for folder in folders for path in _walk(folder)):
            if str(path) not in seen:
                seen.add(str(path))
                with suppress(OSError):  # the file was removed in the meantime
                    _add(tar, path)
        for name, content in (files or {}).items():
            info = tarfile.TarInfo(name.lstrip("/"))
            info.size, info.mode = len(content), 0o755 if content.startswith(b"#!") else 0o644
            tar.addfile(info, io.BytesIO(content))
    out.seek(0)
    return out


def unpack(tar: IO[bytes], target: Path) -> None:
    """Write the files of a run's home, which the engine sent, into the folder `target`.

    Temporary files are left out, and files of the project, to which the folder has links.
    """
    inside = target.resolve()
    with tarfile.open(fileobj=tar, mode="r|") as archive:
        for member in archive:
            _, _, name = member.name.partition("/")
            content = archive.extractfile(member) if member.isreg() else None
            if content and not name.startswith("tmp/") and (inside / name).resolve() == inside / name:
                (inside / name).parent.mkdir(parents=True, exist_ok=True)
                with (inside / name).open("wb") as out:
                    shutil.copyfileobj(content, out)


def _walk(path: Path, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield the path and all paths below it, without caches and environments.

    The contents of linked folders are included.
    """
    yield path
    real = os.path.realpath(path)
    if not path.is_dir() or real in above:
        return
    for entry in sorted(path.iterdir()):
        if not entry.is_dir():
            yield entry
        elif entry.name not in LEFT_OUT and entry.name[0] != "." and not (entry / "pyvenv.cfg").exists():
            yield from _walk(entry, (*above, real))


def _add(tar: tarfile.TarFile, path: Path, mode: int | None = None) -> None:
    status = path.stat()
    info = tarfile.TarInfo(str(path).lstrip("/"))
    info.mtime = int(status.st_mtime)
    if path.is_dir():
        info.type, info.mode = tarfile.DIRTYPE, mode or 0o777
        tar.addfile(info)
    elif path.is_file():
        info.size, info.mode = status.st_size, 0o666 | status.st_mode & 0o111
        with path.open("rb") as content:
            tar.addfile(info, content)
