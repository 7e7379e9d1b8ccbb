"""Receive saves from the watcher process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.errors import WatchError

# The watcher runs as a script: this process does not need watchfiles, and pytest can't rewrite imported modules.
WATCHER = Path(__file__).with_name("watcher.py")
THREADS = 2
"""The watcher's threads. Each one reports that it is ready."""


@dataclass(frozen=True)
class Save:
    """Files that were saved or removed.

    `at` is the time of the last save or removal, in seconds since the epoch.
    """

    files: frozenset[Path]
    at: float


class SaveListener:
    """A context manager that reports each save after wait_ready() once, by next()."""

    def __init__(self, root: Path, dags_folder: Path) -> None:
        self._folders = (os.path.realpath(root), os.path.realpath(dags_folder))
        self._files: set[Path] = set()
        self._at = 0.0

    def __enter__(self) -> Self:
        # -P keeps the script's folder off sys.path. In a new session the watcher does not receive Ctrl-C.
        self._watcher = subprocess.Popen(
            [sys.executable, "-P", str(WATCHER), *self._folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._watcher.stdin, self._watcher.stdout):
            assert stream is not None
            stream.close()
        self._watcher.wait()

    def wait_ready(self) -> None:
        """Wait until the folders are watched. Raises WatchError if they can't be watched."""
        ready = 0
        while ready < THREADS:
            ready += sum("ready" in message for message in self._read_messages())

    def next(self) -> Save:
        """Wait for a save and return it, with all saves after the last call. Raises WatchError."""
        while not self._files or self._has_more():
            self._read_messages()
        save = Save(frozenset(self._files), _read_save_time(self._files) or self._at)
        self._files = set()
        return save

    def _read_messages(self) -> list[dict[str, Any]]:
        """Read at least one message of the watcher, and store the files that it names."""
        text = b""
        while not text.endswith(b"\n"):
            piece = os.read(self._pipe(), 1 << 16)
            if not piece:
                raise WatchError("the process that watches files ended unexpectedly: start `harness watch` again")
            text += piece
        messages = [json.loads(line) for line in text.splitlines()]
        for message in messages:
            if "error" in message:
                raise WatchError(f"{' and '.join(self._folders)} can't be watched: {message['error']}")
            self._files |= {Path(name) for name in message.get("files", ())}
            self._at = message.get("at", self._at)
        return messages

    def _has_more(self) -> bool:
        return bool(select.select([self._pipe()], [], [], 0)[0])

    def _pipe(self) -> int:
        assert self._watcher.stdout is not None
        return self._watcher.stdout.fileno()


def _read_save_time(files: set[Path]) -> float | None:
    """Return the newest ctime of the files; None if no file exists.

    Unlike mtime, ctime changes when a file is moved.
    """
    times = [file.stat().st_ctime for file in files if file.exists()]
    return max(times, default=None)
