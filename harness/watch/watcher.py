"""Tells of saves: the files of each burst, as one line of JSON on standard output. Ends when standard input does.

A script of its own: watchfiles has threads, and the process that reads this one forks.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock, Thread

from watchfiles import Change, DefaultFilter, watch

QUIET = 30
"""Milliseconds without a further change after which a burst is over: editors write twice, git writes many files."""
BEAT = 250
"""Milliseconds after which watchfiles says that it is watching, also when nothing has changed."""
TEMPORARY = (*DefaultFilter.ignore_entity_patterns, r"^4913$", r"^#.*#$")
"""Vim tries by a file 4913 whether it may write, Emacs saves unasked as #name#."""
TELLING = Lock()


def main() -> None:
    root, dags_folder = (Path(argument) for argument in sys.argv[1:])
    below = [folder for folder in root.iterdir() if _worth_watching(folder) and not folder.is_relative_to(dags_folder)]
    for job in (
        Thread(target=_follow, args=([root], False, f"{dags_folder}{os.sep}"), daemon=True),
        Thread(target=_follow, args=([*below, dags_folder], True, None), daemon=True),
    ):
        job.start()
    sys.stdin.read()
    os._exit(0)


def _worth_watching(folder: Path) -> bool:
    """Virtual environments and the like have thousands of folders, and a watch on each costs the kernel memory."""
    hidden = folder.name.startswith(".") or folder.name in DefaultFilter.ignore_dirs
    return folder.is_dir() and not hidden and not (folder / "pyvenv.cfg").exists()


def _follow(places: Sequence[Path], recursive: bool, but: str | None) -> None:
    try:
        for message in _messages(places, recursive, but):
            _tell(message)
    except Exception as error:  # the reader has nothing but this line
        _tell({"error": str(error)})


def _messages(places: Sequence[Path], recursive: bool, but: str | None) -> Iterator[dict[str, object]]:
    skipped = DefaultFilter(ignore_entity_patterns=TEMPORARY, ignore_paths=[but] if but else None)
    ready = False
    for changes in watch(
        *places, watch_filter=skipped, step=QUIET, rust_timeout=BEAT, yield_on_timeout=True, recursive=recursive
    ):
        if not ready:
            ready = True
            yield {"ready": True}
        if files := sorted(_files(changes)):
            yield {"at": time.time(), "files": files}


def _files(changes: set[tuple[Change, str]]) -> set[str]:
    """What was saved or is gone; not what came and went within the burst, and of a new folder what is in it."""
    files: set[str] = set()
    for change, name in changes:
        path = Path(name)
        if path.is_dir():
            inside = path.rglob("*") if change == Change.added else ()
            files |= {str(file) for file in inside if file.is_file()}
        elif path.exists() or (Change.added, name) not in changes:
            files.add(name)
    return files


def _tell(message: dict[str, object]) -> None:
    with TELLING:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
