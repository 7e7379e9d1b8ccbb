"""The processes of an embedded stack: its supervisor starts them, and they end with it."""

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
"""File in the folder of a kept stack, with the path of the session's folder."""
PACKAGES_MISSING = "the embedded stack needs `pip install airflow-scenario-harness[embedded]`"
MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp() creates a private folder in it
TRIES = 3
LAUNCH_LIMIT = 60.0
"""Seconds in which any supervisor has taken its lock."""
Started = TypeVar("Started")


@dataclass
class Process:
    """A process that was started as `name`, and may have ended, of the stack in `folder`."""

    name: str
    folder: Path
    log_start: int = 0
    """Position in the log after which read_log_tail() reads."""

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def mark_log(self) -> None:
        """Make read_log_tail() start at the present end of the log."""
        with suppress(OSError):
            self.log_start = self.log.stat().st_size

    def check(self) -> None:
        """Raise ServiceError if the process has ended."""
        with suppress(FileNotFoundError):
            code = (self.folder / f"{self.name}.exit").read_text()
            if not code:
                raise ServiceError(f"{self.name} ended: {format_full_disk(self.folder)}")
            raise ServiceError(f"{self.name} ended with exit code {code}. {self.format_last_lines()}")

    def read_log_tail(self, lines: int) -> str:
        """Return the last lines that the process printed, or nothing if its folder is gone."""
        try:
            content = self.log.read_bytes()[self.log_start :]
        except OSError:
            return ""
        return "\n".join(content.decode(errors="replace").splitlines()[-lines:])

    def format_last_lines(self) -> str:
        return f"Its last lines: {in_one_line(self.read_log_tail(5))}"

    def await_ready(self, probe: Callable[[], object], timeout: float) -> None:
        """Wait as harness.services.wait.await_answer() does."""
        await_answer(self.name, probe, timeout, self.check, self.format_last_lines)


class SupervisorClient:
    """The client of a supervisor. `folder` is the stack's folder, which ends with the stack."""

    def __init__(self, folder: Path, process: subprocess.Popen[str] | None = None, kept: bool = True) -> None:
        """`process` is the supervisor, if this process launched it."""
        self.folder, self.kept = folder, kept
        self._supervisor = process
        self._lock = threading.Lock()

    @classmethod
    def launch(cls, kept_for: Path | None, owner_file: Path | None = None) -> Self:
        """Launch a supervisor. With a session folder `kept_for` it outlives this process.

        With `owner_file` it ends when no process holds the lock of that file.
        """
        for dead in list_dead_stacks():
            shutil.rmtree(dead, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_fast_folder()))
        if os.geteuid() == 0:
            folder.chmod(0o711)  # For servers that don't run as root.
        if kept_for:
            (folder / KEPT_FOR).write_text(str(kept_for))
        command = [sys.executable, "-S", "-E", supervisor.__file__, str(folder)]
        command += ["--owner", str(owner_file)] if owner_file else ["--kept"] if kept_for else []
        # A new session, so that Ctrl-C at the terminal does not reach it. A log file, so that it does not keep the
        # output of this process open.
        with (folder / supervisor.LOG).open("w") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        return cls(folder, process, kept_for is not None)

    def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        user: str | None = None,
        end_by: signal.Signals = signal.SIGTERM,
    ) -> Process:
        """Start `command` with exactly `env`, as `user` if given. Raises ServiceError."""
        process = Process(name, self.folder)
        (self.folder / f"{name}.exit").unlink(missing_ok=True)
        request = {"name": name, "command": list(command), "env": dict(env), "user": user, "signal": int(end_by)}
        assert self._supervisor is not None
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        with self._lock:
            try:
                self._supervisor.stdin.write(json.dumps(request) + "\n")
                self._supervisor.stdin.flush()
                answer = json.loads(self._supervisor.stdout.readline() or "{}")
            except BrokenPipeError:
                answer = {}
        if "pid" not in answer:
            reason = answer.get("error") or supervisor.explain_exit(self._supervisor.wait())
            raise ServiceError(f"{name} can't be started: {explain_full_disk(reason, self.folder) or reason}")
        return process

    def release(self) -> None:
        """Disconnect. Unless the stack is kept, its processes have ended when this returns."""
        if self._supervisor is None:
            return
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        if self.kept:
            self._supervisor.returncode = 0  # It outlives this process, of which Popen would warn.
        else:
            self._supervisor.wait()
            shutil.rmtree(self.folder, ignore_errors=True)  # If the supervisor was killed.

    def abandon(self) -> None:
        """End the processes, even those of a kept stack."""
        assert self._supervisor is not None
        self._supervisor.terminate()
        self.kept = False
        self.release()


def explain_full_disk(output: str, folder: Path) -> str | None:
    """Return advice if the `output` of a program in `folder` says that the disk is full."""
    return format_full_disk(folder) if os.strerror(errno.ENOSPC) in output else None


def format_full_disk(folder: Path) -> str:
    return f"the disk is full at {folder.parent}: free some space, or set TMPDIR to another folder, then run again"


def start_on_free_ports(fixed: Sequence[int | None], start: Callable[..., Started]) -> Started:
    """Call `start` with a port for each of `fixed`, free ones for None; return its result.

    Tries again if it fails, because another program may take a free port first. Raises the last ServiceError.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            return start(*(port or free for port, free in zip(fixed, find_free_ports(len(fixed)), strict=True)))
        except ServiceError:
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def find_free_ports(number: int) -> list[int]:
    """Return ports of the loopback on which nothing is listening."""
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(number)]
    ports = [int(listener.getsockname()[1]) for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def is_alive(folder: Path) -> bool:
    """Return whether the supervisor of the stack in `folder` is alive."""
    try:
        with (folder / supervisor.LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # Shared, so that two callers don't conflict.
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def end_kept_stack(folder: Path) -> bool:
    """End a kept stack and await its removal; return if it was alive. Raises ServiceError."""
    if not is_alive(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return False
    pid = int((folder / supervisor.LOCK).read_text())
    os.kill(pid, signal.SIGTERM)
    waiting = Retrying(
        stop=stop_after_delay(2 * supervisor.STOP_LIMIT),
        wait=wait_fixed(POLL),
        retry=retry_if_result(bool),
        retry_error_callback=lambda state: True,
    )
    if waiting(folder.exists):  # The supervisor removes the folder last.
        raise ServiceError(f"the kept services don't end: run `kill -9 {pid}`")
    return True


def list_dead_stacks() -> Iterator[Path]:
    """Yield the folders of this user's stacks whose supervisors were killed."""
    for folder in _list_own_folders():
        with suppress(FileNotFoundError, NotADirectoryError):
            launched = (folder / supervisor.LOCK).exists()  # Checked first, because a new supervisor locks it later.
            if not is_alive(folder) if launched else _never_launched(folder):
                yield folder


def list_kept_stacks() -> Iterator[tuple[Path, Path]]:
    """Yield the folder of each kept stack of this user, and the folder of its session."""
    for folder in _list_own_folders():
        if (folder / supervisor.LOCK).exists() and (kept_for := session_of(folder)):
            yield folder, kept_for


def session_of(folder: Path) -> Path | None:
    """Return the folder of the session that keeps the stack in `folder`, or None."""
    try:
        return Path((folder / KEPT_FOR).read_text())
    except OSError:
        return None


def _list_own_folders() -> Iterator[Path]:
    for parent in {MEMORY, Path(tempfile.gettempdir())}:
        for folder in parent.glob(f"{PREFIX}{8 * '?'}"):  # Names of mkdtemp().
            with suppress(FileNotFoundError):
                if folder.stat().st_uid == os.geteuid():  # Others are unreadable.
                    yield folder


def _never_launched(folder: Path) -> bool:
    """Return whether the process was killed before its supervisor ran, by age and content."""
    early = {KEPT_FOR, supervisor.LOG, f"{supervisor.LOCK}.partial"}
    return time.time() - folder.stat().st_mtime > LAUNCH_LIMIT and {file.name for file in folder.iterdir()} <= early


def _fast_folder() -> Path | None:
    """Return /dev/shm if it has room, because a database copy is hundreds of files, else None."""
    try:
        if shutil.disk_usage(MEMORY).free > 1_000_000_000 and os.access(MEMORY, os.W_OK):
            return MEMORY
    except OSError:
        pass
    return None
