"""Processes that serve, as an embedded stack has them: started by its keeper, watched, and ended with it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from harness.errors import ServiceError, in_one_line
from harness.services.embedded import supervisor
from harness.services.wait import POLL, await_answer

LOOPBACK = "127.0.0.1"
PREFIX = "airflow-scenarios-"
KEPT_FOR = "kept-for"
"""A file in the folder of a stack that is kept: the folder of the session that keeps it."""
PACKAGES_MISSING = "the embedded stack needs `pip install airflow-scenario-harness[embedded]`"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder that nobody else can look into is made in it
TRIES = 3
BEGINS = 60.0
"""Seconds in which a keeper has begun, long ago."""
Started = TypeVar("Started")


@dataclass(frozen=True)
class Process:
    """A process that was started under `name`, and may have ended since. `folder` is its stack's, with its log."""

    name: str
    folder: Path

    def check(self) -> None:
        """Raises ServiceError where it has ended."""
        with suppress(FileNotFoundError):
            code = (self.folder / f"{self.name}.exit").read_text()
            if not code:
                raise ServiceError(f"{self.name} ended: {no_room(self.folder)}")
            raise ServiceError(f"{self.name} ended with exit code {code}. {self.last_words()}")

    def tail(self, lines: int) -> str:
        """The last lines that it printed; nothing where its folder has gone."""
        try:
            text = (self.folder / f"{self.name}.log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def last_words(self) -> str:
        return f"Its last lines: {in_one_line(self.tail(5))}"

    def await_ready(self, probe: Callable[[], object], timeout: float) -> None:
        """As harness.services.wait.await_answer()."""
        await_answer(self.name, probe, timeout, self.check, self.last_words)


class SupervisorClient:
    """A keeper, from the side of the processes that use its stack. `folder` is the stack's own, and goes with it."""

    def __init__(self, folder: Path, begun: subprocess.Popen[str] | None = None, kept: bool = True) -> None:
        """`begun`: the keeper, where it is this process that began it."""
        self.folder, self.kept = folder, kept
        self._keeper = begun
        self._lock = threading.Lock()

    @classmethod
    def begin(cls, kept_for: Path | None) -> Self:
        """A new one; it ends with this process or, kept for the session in the folder `kept_for`, by end_kept()."""
        for left in dead_stacks():
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_fast_place()))
        if os.geteuid() == 0:
            folder.chmod(0o711)  # a server that won't run as root has a folder of its own in it
        if kept_for:
            (folder / KEPT_FOR).write_text(str(kept_for))
        command = [sys.executable, "-S", "-E", supervisor.__file__, str(folder), *(["--kept"] if kept_for else [])]
        # A session of its own: a Ctrl-C at the terminal is not for it.
        # Nor does it hold this process's output, which whoever reads that would wait for.
        with (folder / "keeper.log").open("w") as log:
            begun = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        return cls(folder, begun, kept_for is not None)

    def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        user: str | None = None,
        end_by: signal.Signals = signal.SIGTERM,
    ) -> Process:
        """Starts `command` with exactly `env`, as `user` if one is named. Raises ServiceError."""
        process = Process(name, self.folder)
        (self.folder / f"{name}.exit").unlink(missing_ok=True)
        order = {"name": name, "command": list(command), "env": dict(env), "user": user, "signal": int(end_by)}
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        with self._lock:
            try:
                self._keeper.stdin.write(json.dumps(order) + "\n")
                self._keeper.stdin.flush()
                answer = json.loads(self._keeper.stdout.readline() or "{}")
            except BrokenPipeError:
                answer = {}
        if "pid" not in answer:
            said = answer.get("error") or supervisor.last_words(self._keeper.wait())
            raise ServiceError(f"{name} can't be started: {full_disk(said, self.folder) or said}")
        return process

    def release(self) -> None:
        """This process needs it no more. Unless it is kept, the processes have ended when this returns."""
        if self._keeper is None:
            return
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        if self.kept:
            self._keeper.returncode = 0  # it is to outlive this process; without a code, Popen would warn of that
        else:
            self._keeper.wait()
            shutil.rmtree(self.folder, ignore_errors=True)  # where the keeper was killed

    def abandon(self) -> None:
        """Ends the processes, also such as were to be kept."""
        assert self._keeper is not None
        self._keeper.terminate()
        self.kept = False
        self.release()


def full_disk(said: str, folder: Path) -> str | None:
    """What to do, where a program in a stack's `folder` said that the disk is full."""
    return no_room(folder) if os.strerror(errno.ENOSPC) in said else None


def no_room(folder: Path) -> str:
    return f"the disk is full at {folder.parent}: make room there, or set TMPDIR to another folder, then run again"


def on_free_ports(fixed: Sequence[int | None], start: Callable[..., Started]) -> Started:
    """What `start` returns, given a port for each of `fixed`: that very one, or one that is free where it is None.

    It is tried some times, for between looking for a port and listening on it somebody else may have taken it. Raises
    the last ServiceError.
    """
    for left in reversed(range(TRIES)):
        try:
            return start(*(port or free for port, free in zip(fixed, free_ports(len(fixed)), strict=True)))
        except ServiceError:
            if not left:
                raise
    raise AssertionError("unreachable")


def free_ports(number: int) -> list[int]:
    """Ports of the loopback on which nobody listens at this moment."""
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(number)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def lives(folder: Path) -> bool:
    """Whether the keeper of the stack in `folder` lives."""
    try:
        with (folder / supervisor.LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that two who look do not meet
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def end_kept(folder: Path) -> bool:
    """Ends a kept stack by its keeper, and returns when it has gone: whether there was one. Raises ServiceError."""
    if not lives(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return False
    pid = int((folder / supervisor.LOCK).read_text())
    os.kill(pid, signal.SIGTERM)
    waiting = Retrying(
        stop=stop_after_delay(2 * supervisor.PATIENCE),
        wait=wait_fixed(POLL),
        retry=retry_if_result(bool),
        retry_error_callback=lambda state: True,
    )
    if waiting(folder.exists):  # it goes last, and as a whole
        raise ServiceError(f"the kept services do not end: kill process {pid}")
    return True


def dead_stacks() -> Iterator[Path]:
    """The folders of this user's stacks whose keepers were killed."""
    for folder in _own_folders():
        with suppress(FileNotFoundError, NotADirectoryError):
            begun = (folder / supervisor.LOCK).exists()  # asked first: one that begins now has its lock a moment later
            if not lives(folder) if begun else _never_begun(folder):
                yield folder


def kept_stacks() -> Iterator[tuple[Path, Path]]:
    """The folders of this user's stacks that are kept, each with that of the session that keeps it."""
    for folder in _own_folders():
        if (folder / supervisor.LOCK).exists() and (kept_for := session_of(folder)):
            yield folder, kept_for


def session_of(folder: Path) -> Path | None:
    """Return the folder of the session that keeps the stack in `folder`, or None."""
    try:
        return Path((folder / KEPT_FOR).read_text())
    except OSError:
        return None


def _own_folders() -> Iterator[Path]:
    for place in {MEMORY, Path(tempfile.gettempdir())}:
        for folder in place.glob(f"{PREFIX}{8 * '?'}"):  # as mkdtemp() names them
            with suppress(FileNotFoundError):
                if folder.stat().st_uid == os.geteuid():  # others' can't be looked into
                    yield folder


def _never_begun(folder: Path) -> bool:
    """Whether its process was killed before there was a keeper: it holds nothing else, and has for a while."""
    begun = {KEPT_FOR, "keeper.log", f"{supervisor.LOCK}.partial"}
    return time.time() - folder.stat().st_mtime > BEGINS and {file.name for file in folder.iterdir()} <= begun


def _fast_place() -> Path | None:
    """In memory where there is room, since a copy of a database is hundreds of files; else the temporary folder."""
    try:
        if shutil.disk_usage(MEMORY).free > 1_000_000_000 and os.access(MEMORY, os.W_OK):
            return MEMORY
    except OSError:
        pass
    return None
