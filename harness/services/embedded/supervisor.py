"""The supervisor of an embedded stack: starts its processes, and ends them with itself.

It is a process (`python supervisor.py FOLDER [--kept | --owner FILE]`) with the standard library only. It reads
requests from its standard input, one JSON object a line: `name`, `command`, `env`, `user` (or null) and `signal`, which
ends the process. It answers each with a line, the process id or an error. It ends when its input closes, as it does if
the test process dies; with `--kept` on SIGTERM; with `--owner` also when no process holds the lock of FILE. It writes
the exit code of a process to `NAME.exit`, which stays empty if the disk is full. While it lives it holds a lock on
`supervisor.lock`, which contains its process id. It exits with ENOSPC if the disk is full, because it can't log then.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LOCK, LOG = "supervisor.lock", "supervisor.log"
STOP_LIMIT = 5.0
"""Seconds until a process that does not stop is killed."""
PR_SET_PDEATHSIG = 1


class Supervisor:
    """Processes by name, each with the signal that ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, tuple[subprocess.Popen[bytes], int]] = {}

    def start(self, name: str, command: list[str], env: dict[str, str], user: str | None, end_by: int) -> int:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=_group(user),
                extra_groups=[] if user else None,
                preexec_fn=lambda: _die_with_supervisor(end_by),
            )
        self.processes[name] = process, end_by
        self.write_exits()  # It may have ended before it was listed.
        return process.pid

    def write_exits(self, *_: object) -> None:
        """Write the exit codes of ended processes."""
        for name, (process, _signal) in list(self.processes.items()):
            if process.poll() is not None:
                partial = self.folder / f"{name}.exit.partial"
                with suppress(OSError):  # On a full disk the file stays empty.
                    partial.write_text(str(process.returncode))
                with suppress(OSError):
                    partial.replace(self.folder / f"{name}.exit")

    def end(self) -> None:
        for process, end_by in self.processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(end_by)
        deadline = time.monotonic() + STOP_LIMIT
        for process, _end_by in self.processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _group(user: str | None) -> int | None:
    import pwd

    return pwd.getpwnam(user).pw_gid if user else None


def _die_with_supervisor(end_by: int) -> None:
    """Have the kernel end this process if its supervisor is killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, end_by)


class _EndError(Exception):
    """SIGTERM arrived."""


def _end(*_: object) -> None:
    raise _EndError


def main(folder: Path, kept: bool, owner_file: str | None) -> None:
    partial = folder / f"{LOCK}.partial"  # Renamed once locked, so that the lock is never seen free.
    lock = os.open(partial, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, str(os.getpid()).encode())
    partial.rename(folder / LOCK)
    supervisor = Supervisor(folder)
    signal.signal(signal.SIGCHLD, supervisor.write_exits)
    signal.signal(signal.SIGTERM, _end)
    with suppress(_EndError):
        for line in sys.stdin:
            print(json.dumps(_answer(supervisor, json.loads(line))), flush=True)
        if owner_file:
            _await_end_of_owner(owner_file)
        while kept:
            signal.pause()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    supervisor.end()


def _await_end_of_owner(owner_file: str) -> None:
    """Wait until no process holds the lock of the file, or the file is gone."""
    with suppress(FileNotFoundError), Path(owner_file).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)


def _answer(supervisor: Supervisor, request: dict[str, Any]) -> dict[str, Any]:
    try:
        name, command, env, user, end_by = (request[key] for key in ("name", "command", "env", "user", "signal"))
        return {"pid": supervisor.start(name, command, env, user, end_by)}
    except (OSError, subprocess.SubprocessError) as error:
        return {"error": str(error)}


def explain_exit(code: int) -> str:
    """Return why a supervisor with this exit code ended."""
    return os.strerror(code) if code == errno.ENOSPC else "its supervisor has ended"


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), "--kept" in sys.argv, sys.argv[3] if "--owner" in sys.argv else None)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(errno.ENOSPC)
