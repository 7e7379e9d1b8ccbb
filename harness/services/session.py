"""The session: the stacks of one test run and, with --reuse, of the following test runs.

The processes share a folder of state files (containers and their passwords) and of locks, which the kernel frees if a
process dies. Each process claims the lowest free worker slot, and each slot has at most one stack. So there are never
more stacks than processes, and the process that claims a slot next finds the stack of the previous one.
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

# Imports that talk to an engine are local: they take 0.1 s, which processes with the embedded stack, and xdist's
# controller with --reuse, don't need.
if TYPE_CHECKING:
    import docker

    from harness.services.reaper import Reaper

FOLDER_LIFETIME = 24 * 3600.0
"""Seconds until the folder of a killed test run may be removed. The reaper removes its containers at once."""
LOCK_TIMEOUT = 600.0
"""Seconds until filelock.Timeout names the file; another process may start or remove services meanwhile."""


class ServiceSession:
    """One process's access to the session. The folder is created on first use."""

    def __init__(self, root: Path, run: str | None, borrowed: bool = False) -> None:
        """`run` is from new_run() or xdist; None means the session that `--reuse` keeps.

        A `borrowed` session belongs to another process, which ends it: see harness.services.selection.own_session().
        """
        self.run = run
        self.kept = run is None
        self.borrowed = borrowed
        self._root = root
        self._base = runtime_base()  # Read once, because a test may change the environment later.
        self._reaper: Reaper | None = None
        self._uses: list[FileLock | None] = []

    @cached_property
    def folder(self) -> Path:
        """Folder that its processes share. Raises RuntimeDirError if the folder can't be private."""
        folder = runtime_dir(self._root, self._base) / (f"run-{self.run}" if self.run else "session")
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @cached_property
    def ident(self) -> str:
        """Value of its label. That of the kept session depends on machine, user and checkout only."""
        return self.run or hashlib.sha256(f"{socket.gethostname()} {self.folder}".encode()).hexdigest()[:12]

    @property
    def labels(self) -> dict[str, str]:
        from harness.engine import LABEL_SESSION

        return {LABEL_SESSION: self.ident}

    @property
    def owner_file(self) -> Path:
        """The lock file of the process that owns a session which others borrow.

        No stack has this slot.
        """
        return self.folder / "slot-owner.lock"

    @contextmanager
    def claim_slot(self) -> Iterator[int]:
        """Hold the lowest free worker slot until the block ends or this process dies."""
        self._remove_old_folders()
        for number in count():
            # lock_unused() holds the gate while the session is being removed.
            with self.lock("gate"):
                lock = self.try_lock(f"slot-{number}")
            if lock:
                try:
                    yield number
                finally:
                    lock.release()
                return

    def _remove_old_folders(self) -> None:
        """Remove the old folders of runs without a live process.

        The age alone proves nothing: a run may last for days, and a clock may jump.
        """
        for old in self.folder.parent.glob("run-*"):
            with suppress(FileNotFoundError, ServiceError):  # Another process removes it, or uses it.
                if old != self.folder and old.stat().st_mtime < time.time() - FOLDER_LIFETIME:
                    run = ServiceSession(self._root, old.name.removeprefix("run-"))
                    run.folder = old
                    with run.lock_unused():
                        shutil.rmtree(old, ignore_errors=True)

    def lock(self, name: str) -> FileLock:
        """Return a lock of the session, which blocks when entered, at most for LOCK_TIMEOUT."""
        return FileLock(self.folder / f"{name}.lock", timeout=LOCK_TIMEOUT, thread_local=False)

    def try_lock(self, name: str) -> FileLock | None:
        """Acquire a lock of the session without waiting. Returns None if another process holds it."""
        lock = self.lock(name)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        return lock

    def mark_used(self, resource: str, slot: int) -> None:
        """Show other processes, until this one ends, that the process of `slot` uses `resource`."""
        self._uses.append(self.try_lock(f"{resource}-user-{slot}"))

    def is_used_elsewhere(self, resource: str, slot: int) -> bool:
        """Return whether a live process of another slot uses `resource`."""
        own = f"{resource}-user-{slot}"
        for name in (file.stem for file in self.folder.glob(f"{resource}-user-*.lock")):
            lock = self.try_lock(name) if name != own else None
            if lock is None and name != own:
                return True
            if lock:
                lock.release()
        return False

    def read_state(self, name: str) -> dict[str, Any] | None:
        """Return the content of the state file `name`, or None if it is missing or damaged."""
        try:
            content = json.loads((self.folder / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write_state(self, name: str, content: Mapping[str, Any]) -> None:
        """Replace the state file `name`, which only this user can read, as it holds passwords."""
        file = self.folder / f"{name}.json"
        partial = file.with_suffix(f".{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
                json.dump(content, sink)
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)  # A full disk would leave half of the passwords.
            raise

    def drop_state(self, name: str) -> None:
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    @contextmanager
    def mark_under_way(self) -> Iterator[None]:
        """Mark that containers are being created. The mark stays if the block fails or is killed."""
        mark = self.folder / f"under-way-{secrets.token_hex(4)}"
        mark.touch()
        yield
        mark.unlink()

    def connect_reaper(self, client: docker.DockerClient, image: str, timeout: float) -> None:
        """Connect to the session's reaper, started if necessary. A kept session has no reaper.

        The reaper removes everything that the session starts after this call when its last process is gone.
        Raises ServiceError, EngineError.
        """
        if self.kept or self._reaper:
            return
        with self.lock("reaper"):
            self.join_reaper()
            if self._reaper is None:
                from harness.services.reaper import Reaper

                # Ctrl-C interrupts the main thread only. During a call to the engine it would leave a container that
                # this process does not know.
                with ThreadPoolExecutor(max_workers=1) as thread:
                    self._reaper = thread.submit(Reaper.start, client, image, self.ident, timeout).result()
                self.write_state("reaper", self._reaper.export_state())

    def join_reaper(self) -> None:
        """Connect to the reaper if it runs, so that it waits for this process too."""
        if self._reaper or self.kept:
            return
        with suppress(RuntimeDirError):  # Then no process has used it.
            if state := self.read_state("reaper"):
                from harness.services.reaper import Reaper

                self._reaper = Reaper.join(state, self.ident)

    def end(self, orderly: bool) -> None:
        """Remove a test run's objects once its other processes are gone.

        A kept or borrowed session stays. If `orderly` is false or a start was interrupted, the engine may still be
        creating containers. The reaper then stays to remove them some seconds later, as it does if this call fails.
        """
        if self.kept or self.borrowed:
            return
        with suppress(RuntimeDirError):  # Then no process has used it.
            if self.read_state("reaper"):
                self._remove_all(orderly)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_all(self, orderly: bool) -> None:
        from harness.engine import connect
        from harness.services.cleanup import remove_labelled

        self.join_reaper()
        remove_labelled(connect(), self.labels)
        if self._reaper and orderly and not any(self.folder.glob("under-way-*")):
            self._reaper.dismiss()
        elif self._reaper:
            self._reaper.abandon()

    @contextmanager
    def lock_unused(self) -> Iterator[None]:
        """Keep processes out during the block. Raises ServiceError if one uses the session."""
        with self.lock("gate"), ExitStack() as locks:  # The gate opens after the slots are free again.
            for file in self.folder.glob("slot-*.lock"):
                lock = self.try_lock(file.stem)
                if lock is None:
                    raise ServiceError("a test run is using the kept services: wait until it ends, or stop it")
                locks.callback(lock.release)
            yield

    def is_used(self) -> bool:
        """Return whether a live process holds one of its slots."""
        try:
            with self.lock_unused():
                return False
        except ServiceError:
            return True

    def remove(self) -> Counter[str]:
        """Remove the objects and state files of a kept session that lock_unused() holds.

        Raises EngineError, ServiceError.
        """
        from harness.engine import connect
        from harness.services.cleanup import remove_labelled

        removed = remove_labelled(connect(), self.labels)
        for pattern in ("*.json", "under-way-*"):
            for file in self.folder.glob(pattern):
                file.unlink()
        return removed


def list_sessions(root: Path) -> list[ServiceSession]:
    """Return the kept session of the checkout at `root`, then those of its test runs."""
    kept = ServiceSession(root, None)
    runs = sorted(folder.name.removeprefix("run-") for folder in kept.folder.parent.glob("run-*"))
    return [kept, *(ServiceSession(root, run) for run in runs)]


def new_run() -> str:
    """Return a new random name of a test run."""
    return secrets.token_hex(6)
