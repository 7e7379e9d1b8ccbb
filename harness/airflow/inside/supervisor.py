"""Run one command, and end everything that it started when it ends.

`PYTHON -I -S supervisor.py`, standard library only. Standard input is a socket: one line of JSON comes in (`command`,
`env`, `lasting`), one line goes out (`exit_code`). The command has this process's folder and output. Unless `lasting`,
the command is ended when the other end of the socket closes, which also happens when the test process is killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform == "linux"
END_SECONDS = 10.0
"""After this time a process that can't be ended, as one that waits for a dead disk, is left alone."""
POLL_SECONDS = 0.02
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Serve the one order that comes over standard input."""
    adopt_orphans()
    control = socket.socket(fileno=0)
    order = json.loads(control.makefile("rb").readline())
    child = subprocess.Popen(
        order["command"],
        env=order["env"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    ended = await_end(child.pid, [] if order["lasting"] else [control])
    if not LINUX:
        with suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    end_descendants()
    with suppress(OSError):
        control.sendall(json.dumps({"exit_code": ended}).encode() + b"\n")


def await_end(pid: int, watched: list[socket.socket], seconds: float | None = None) -> int | None:
    """Wait for a child's exit code; None if one of `watched` became readable before that, or time is up."""
    deadline = None if seconds is None else time.monotonic() + seconds
    waiting: list[socket.socket | int] = [*watched]
    opened: int | None = None
    with suppress(AttributeError, OSError):  # Linux 5.3 and later
        opened = os.pidfd_open(pid)
        waiting.append(opened)
    try:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            ready = select.select(waiting, [], [], POLL_SECONDS if opened is None else left)[0]
            if any(one in ready for one in watched):
                return None
    finally:
        if opened is not None:
            os.close(opened)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process; Linux only, elsewhere nothing happens."""
    if LINUX:
        LIBC.prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, as a child of init would be adopted by init."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """In a new child: have it killed when its parent ends."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_descendants() -> None:
    """Kill all children of this process, adopted ones too, until none is left.

    A process of another user, as one that sudo started, can't be killed and is left alone.
    """
    deadline = time.monotonic() + END_SECONDS
    spared: set[int] = set()
    while time.monotonic() < deadline:
        left = [pid for pid in children() if pid not in spared]
        if not left:
            return
        reaped = 0
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                reaped += os.waitpid(pid, os.WNOHANG)[0] != 0
            except PermissionError:
                spared.add(pid)
            except (ProcessLookupError, ChildProcessError):
                reaped += 1
        if not reaped:
            time.sleep(0.001)


def children() -> list[int]:
    """Return the process ids of this process's children; none where there is no /proc."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


if __name__ == "__main__":
    main()
