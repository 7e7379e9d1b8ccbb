"""The session: the stacks of one test run, of all its processes together; with --reuse also of the runs that follow.

Its processes meet in a folder of notes (which containers there are, and their passwords) and locks, which the kernel
frees when a process dies. Each process claims a slot, the lowest that is free, and a slot has one stack at most. So
there are never more stacks than processes, and who comes after one that crashed, or that has ended, finds its stack.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from harness.errors import ServiceError
from harness.runtime_dir import RuntimeDirError, runtime_base, runtime_dir

# What speaks to an engine is imported where one is spoken to: every process of a test run has a session, and with the
# embedded stack, or in xdist's controller with --reuse, that would be 0.1 s of each for nothing.
if TYPE_CHECKING:
    import docker

    from harness.services.reaper import Reaper

FORGOTTEN = 24 * 3600.0
"""After so many seconds the folder of a run that was killed is removed. What it had on the engine went at once."""


class ServiceSession:
    """One process's hold on it. Making this object touches nothing; the folder is made when it is first used."""

    def __init__(self, root: Path, run: str | None) -> None:
        """The session of test run `run` (a new one: `new_run()`), or None: the one that `--reuse` keeps."""
        self.run = run
        self.kept = run is None
        self._root = root
        self._base = runtime_base()  # a test may change the environment later, and its fellow workers look here
        self._reaper: Reaper | None = None
        self._shares: list[FileLock | None] = []

    @cached_property
    def folder(self) -> Path:
        """Where its processes meet. Raises HarnessError where it would not be private."""
        folder = runtime_dir(self._root, self._base) / (f"run-{self.run}" if self.run else "session")
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @cached_property
    def ident(self) -> str:
        """The value of its label. The kept one's follows from machine, user and checkout, as does its folder."""
        return self.run or hashlib.sha256(f"{socket.gethostname()} {self.folder}".encode()).hexdigest()[:12]

    @property
    def labels(self) -> dict[str, str]:
        from harness.engine import LABEL_SESSION

        return {LABEL_SESSION: self.ident}

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Claims the lowest free slot until the end, or the death, of this process."""
        self._forget_old()
        for number in count():
            # The gate is closed while the session is being removed.
            with self.locked("gate"):
                held = self.hold(f"slot-{number}")
            if held:
                try:
                    yield number
                finally:
                    held.release()
                return

    def _forget_old(self) -> None:
        for old in self.folder.parent.glob("run-*"):
            with suppress(FileNotFoundError):  # another process forgets it
                if old != self.folder and old.stat().st_mtime < time.time() - FORGOTTEN:
                    shutil.rmtree(old, ignore_errors=True)

    def locked(self, name: str) -> FileLock:
        """A lock of the session, to be waited for."""
        return FileLock(self.folder / f"{name}.lock", thread_local=False)

    def hold(self, name: str) -> FileLock | None:
        """A lock of the session that this process now holds, or None where another one does."""
        lock = self.locked(name)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        return lock

    def share(self, what: str, slot: int) -> None:
        """Lets others know, until the end of this process, that the one with this slot uses `what`."""
        self._shares.append(self.hold(f"{what}-user-{slot}"))

    def shared(self, what: str, slot: int) -> bool:
        """Whether a living process with another slot uses `what`."""
        own = f"{what}-user-{slot}"
        for name in (file.stem for file in self.folder.glob(f"{what}-user-*.lock")):
            lock = self.hold(name) if name != own else None
            if lock is None and name != own:
                return True
            if lock:
                lock.release()
        return False

    def note(self, name: str) -> dict[str, Any] | None:
        """What was noted under `name`. None: nothing, or nothing that can be read."""
        try:
            found = json.loads((self.folder / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def write_note(self, name: str, content: Mapping[str, Any]) -> None:
        """Notes hold passwords: nobody else may read them, at no moment."""
        file = self.folder / f"{name}.json"
        partial = file.with_suffix(f".{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
                json.dump(content, sink)
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)  # on a disk that is full, half of the passwords
            raise

    def drop_note(self, name: str) -> None:
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Marks that something is being made; the mark stays where that was broken off, by kill -9 too."""
        mark = self.folder / f"under-way-{secrets.token_hex(4)}"
        mark.touch()
        yield
        mark.unlink()

    def watch(self, client: docker.DockerClient, image: str, timeout: float) -> None:
        """Connect to the session's reaper, starting it if there is none; nothing happens for a kept session.

        Whatever the session starts after this call is removed when the last of its processes is gone. Raises
        ServiceError, EngineError.
        """
        if self.kept or self._reaper:
            return
        with self.locked("reaper"):
            self.watch_too()
            if self._reaper is None:
                from harness.services.reaper import Reaper

                # Ctrl-C interrupts the main thread only. In the middle of a call to the engine it would leave a
                # container that this process does not know of.
                with ThreadPoolExecutor(max_workers=1) as thread:
                    self._reaper = thread.submit(Reaper.start, client, image, self.ident, timeout).result()
                self.write_note("reaper", self._reaper.note())

    def watch_too(self) -> None:
        """Connects to the reaper, if there is one, so that it waits for this process as well."""
        if self._reaper or self.kept:
            return
        with suppress(RuntimeDirError):  # then nobody has used it
            if noted := self.note("reaper"):
                from harness.services.reaper import Reaper

                self._reaper = Reaper.join(noted, self.ident)

    def end(self, orderly: bool) -> None:
        """Removes what a test run had, when all its processes but this one are gone. A kept session is let alone.

        Where a start was broken off, or the run was, the engine may still be making what was asked for, and only a
        sweep some seconds later gets that: then the reaper stays, as it does where this fails.
        """
        if self.kept:
            return
        with suppress(RuntimeDirError):  # then nobody has used it
            if self.note("reaper"):
                self._remove_all(orderly)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_all(self, orderly: bool) -> None:
        from harness.engine import connect
        from harness.services.cleanup import remove_labelled

        self.watch_too()
        remove_labelled(connect(), self.labels)
        if self._reaper and orderly and not any(self.folder.glob("under-way-*")):
            self._reaper.dismiss()
        elif self._reaper:
            self._reaper.abandon()

    @contextmanager
    def unused(self) -> Iterator[None]:
        """Nobody uses it until the end of the context. Raises ServiceError where a living process does."""
        with self.locked("gate"), ExitStack() as held:  # the gate last: who comes next finds the slots free
            for file in self.folder.glob("slot-*.lock"):
                lock = self.hold(file.stem)
                if lock is None:
                    raise ServiceError("a test run is using what --reuse kept: wait until it has ended, or end it")
                held.callback(lock.release)
            yield

    def used(self) -> bool:
        """Whether a living process holds a slot of it."""
        try:
            with self.unused():
                return False
        except ServiceError:
            return True

    def remove(self) -> Counter[str]:
        """Remove what a kept and unused() session has on the engine, and its notes.

        Raises EngineError, ServiceError.
        """
        from harness.engine import connect
        from harness.services.cleanup import remove_labelled

        removed = remove_labelled(connect(), self.labels)
        for left in ("*.json", "under-way-*"):
            for file in self.folder.glob(left):
                file.unlink()
        return removed


def sessions(root: Path) -> list[ServiceSession]:
    """All of the checkout at `root`: the kept one, then those of test runs that have not ended, or were killed."""
    kept = ServiceSession(root, None)
    runs = sorted(folder.name.removeprefix("run-") for folder in kept.folder.parent.glob("run-*"))
    return [kept, *(ServiceSession(root, run) for run in runs)]


def new_run() -> str:
    """The name of a new test run."""
    return secrets.token_hex(6)
