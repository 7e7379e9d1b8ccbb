"""The keeper of an embedded stack: starts its processes, and ends them and their folder when it is to end itself.

A process of its own (`python keeper.py FOLDER [--kept]`), standard library only. It reads orders from its standard
input, one JSON object a line: `name`, `command`, `env`, `user` (or null) and `signal`, by which that process is to be
ended; it answers each with a line, the process's id or an error. It ends when its input does, which is when the test
process closes it or dies, even by kill -9; with `--kept` when it gets SIGTERM. Of a process that ended it writes the
exit code to `NAME.exit`, which is empty where the disk is full. While it lives it holds a lock on `keeper.lock`, where
its process id stands; nobody else locks that. It exits with ENOSPC where the disk is full: its log is on the same one.
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

LOCK = "keeper.lock"
PATIENCE = 5.0
"""Seconds that a process has to end, once asked."""
PR_SET_PDEATHSIG = 1


class Keeper:
    """The processes by name, each with the signal that ends it."""

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
                preexec_fn=lambda: _die_with_keeper(end_by),
            )
        self.processes[name] = process, end_by
        self.look()  # it may have ended before it was known
        return process.pid

    def look(self, *_: object) -> None:
        """Notes who has ended."""
        for name, (process, _signal) in list(self.processes.items()):
            if process.poll() is not None:
                partial = self.folder / f"{name}.exit.partial"
                with suppress(OSError):  # on a full disk it stays empty
                    partial.write_text(str(process.returncode))
                with suppress(OSError):
                    partial.replace(self.folder / f"{name}.exit")

    def end(self) -> None:
        for process, end_by in self.processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(end_by)
        deadline = time.monotonic() + PATIENCE
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


def _die_with_keeper(end_by: int) -> None:
    """On Linux the kernel ends a process whose keeper was killed; elsewhere it stays."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, end_by)


class _EndError(Exception):
    """SIGTERM came."""


def _end(*_: object) -> None:
    raise _EndError


def main(folder: Path, kept: bool) -> None:
    partial = folder / f"{LOCK}.partial"  # under its own name nobody ever sees it unlocked
    lock = os.open(partial, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, str(os.getpid()).encode())
    partial.rename(folder / LOCK)
    keeper = Keeper(folder)
    signal.signal(signal.SIGCHLD, keeper.look)
    signal.signal(signal.SIGTERM, _end)
    with suppress(_EndError):
        for line in sys.stdin:
            print(json.dumps(_answer(keeper, json.loads(line))), flush=True)
        while kept:
            signal.pause()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keeper.end()


def _answer(keeper: Keeper, order: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"pid": keeper.start(order["name"], order["command"], order["env"], order["user"], int(order["signal"]))}
    except (OSError, subprocess.SubprocessError) as error:
        return {"error": str(error)}


def last_words(code: int) -> str:
    """What a keeper's exit code tells of its end."""
    return os.strerror(code) if code == errno.ENOSPC else "its keeper has ended"


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), "--kept" in sys.argv[2:])
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(errno.ENOSPC)
