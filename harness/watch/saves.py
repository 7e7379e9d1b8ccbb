"""Saves, as the watcher beside this process tells of them."""

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

# A script, and not imported: this process has no use for watchfiles, and what it imports pytest can't rewrite.
WATCHER = Path(__file__).with_name("watcher.py")
THREADS = 2
"""Of the watcher; each says when it is ready."""


@dataclass(frozen=True)
class Saved:
    """Files that were saved, or removed, and when the last of them was (seconds since the epoch)."""

    files: frozenset[Path]
    at: float


class Saves:
    """Everything that is saved between ready() and the end of this context is told once, by next()."""

    def __init__(self, root: Path, dags_folder: Path) -> None:
        self._folders = (os.path.realpath(root), os.path.realpath(dags_folder))
        self._files: set[Path] = set()
        self._at = 0.0

    def __enter__(self) -> Self:
        # -P: as a script it would have its own folder on sys.path. A session of its own: Ctrl-C is not for it.
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

    def ready(self) -> None:
        """Waits until the folders are watched. Raises WatchError where they can't be."""
        watching = 0
        while watching < THREADS:
            watching += sum("ready" in message for message in self._messages())

    def next(self) -> Saved:
        """Waits for a save. What has been saved since the last call is in it. Raises WatchError."""
        while not self._files or self._more():
            self._messages()
        saved = Saved(frozenset(self._files), _saved_at(self._files) or self._at)
        self._files = set()
        return saved

    def _messages(self) -> list[dict[str, Any]]:
        """Reads what the watcher has told, at least one message, and keeps what it told of files."""
        text = b""
        while not text.endswith(b"\n"):
            piece = os.read(self._pipe(), 1 << 16)
            if not piece:
                raise WatchError("what tells of saves has ended: was it killed? start `harness watch` again")
            text += piece
        messages = [json.loads(line) for line in text.splitlines()]
        for message in messages:
            if "error" in message:
                raise WatchError(f"{' and '.join(self._folders)} can't be watched: {message['error']}")
            self._files |= {Path(name) for name in message.get("files", ())}
            self._at = message.get("at", self._at)
        return messages

    def _more(self) -> bool:
        return bool(select.select([self._pipe()], [], [], 0)[0])

    def _pipe(self) -> int:
        assert self._watcher.stdout is not None
        return self._watcher.stdout.fileno()


def _saved_at(files: set[Path]) -> float | None:
    """The newest ctime, which also tells when a file was moved into place. None where all are gone."""
    times = [file.stat().st_ctime for file in files if file.exists()]
    return max(times, default=None)
