"""Report saves: the files of each burst, as a line of JSON on standard output.

The script ends when its standard input is closed. It is a separate process because watchfiles starts threads, and the
process that reads the reports forks.
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

BURST_GAP = 30
"""Milliseconds without a change that end a burst: editors write twice, git writes many files."""
POLL_INTERVAL = 250
"""Milliseconds after which watchfiles returns even without a change, so the script can report that it is ready."""
TEMPORARY_FILES = (*DefaultFilter.ignore_entity_patterns, r"^4913$", r"^#.*#$")
"""Vim creates a file 4913 to test whether it may write, Emacs autosaves as #name#."""
OUTPUT_LOCK = Lock()


def main() -> None:
    root, dags_folder = (Path(argument) for argument in sys.argv[1:])
    folders = [folder for folder in root.iterdir() if _is_source(folder) and not folder.is_relative_to(dags_folder)]
    for thread in (
        Thread(target=_report_changes, args=([root], False, f"{dags_folder}{os.sep}"), daemon=True),
        Thread(target=_report_changes, args=([*folders, dags_folder], True, None), daemon=True),
    ):
        thread.start()
    sys.stdin.read()
    os._exit(0)


def _is_source(folder: Path) -> bool:
    """Return whether to watch the folder: not virtual environments and caches.

    They have thousands of folders, and each watched folder takes kernel memory.
    """
    hidden = folder.name.startswith(".") or folder.name in DefaultFilter.ignore_dirs
    return folder.is_dir() and not hidden and not (folder / "pyvenv.cfg").exists()


def _report_changes(folders: Sequence[Path], recursive: bool, excluded: str | None) -> None:
    try:
        for message in _create_messages(folders, recursive, excluded):
            _send(message)
    except Exception as error:  # The reader learns of any error only through this message.
        _send({"error": str(error)})


def _create_messages(folders: Sequence[Path], recursive: bool, excluded: str | None) -> Iterator[dict[str, object]]:
    source_files = DefaultFilter(ignore_entity_patterns=TEMPORARY_FILES, ignore_paths=[excluded] if excluded else None)
    ready = False
    for changes in watch(
        *folders,
        watch_filter=source_files,
        step=BURST_GAP,
        rust_timeout=POLL_INTERVAL,
        yield_on_timeout=True,
        recursive=recursive,
    ):
        if not ready:
            ready = True
            yield {"ready": True}
        if files := sorted(_list_files(changes)):
            yield {"at": time.time(), "files": files}


def _list_files(changes: set[tuple[Change, str]]) -> set[str]:
    """Return the saved and removed files, and the files of new folders.

    Files that were created and removed within the burst are left out.
    """
    files: set[str] = set()
    for change, name in changes:
        path = Path(name)
        if path.is_dir():
            inside = path.rglob("*") if change == Change.added else ()
            files |= {str(file) for file in inside if file.is_file()}
        elif path.exists() or (Change.added, name) not in changes:
            files.add(name)
    return files


def _send(message: dict[str, object]) -> None:
    with OUTPUT_LOCK:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
