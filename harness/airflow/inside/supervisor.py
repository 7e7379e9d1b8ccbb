"""The supervisor: run one command, and end all its descendants when the command ends.

`PYTHON -I -S supervisor.py`, standard library only. Standard input is a socket: one line of JSON comes in (`command`,
`env`, `detached`), one line goes out (`exit_code`). The command gets this process's folder and output. Unless
`detached`, the command ends when the other end of the socket closes, also because the test process was killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
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
"""After this time, processes that can't be killed (such as one that waits for a failed disk) are left running."""
POLL_SECONDS = 0.02
STACKS = "stacks of process "
"""Beginning of the line before the stacks of one process."""
STACKS_SECONDS = 2.0
"""Limit for the stacks of all processes."""
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Execute the command of the request on standard input."""
    adopt_orphans()
    control = socket.socket(fileno=0)
    request = json.loads(control.makefile("rb").readline())
    child = subprocess.Popen(
        request["command"],
        env=request["env"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    exit_code = await_end(child.pid, [] if request["detached"] else [control])
    if exit_code is None:
        print_stacks(1)
    if not LINUX:
        with suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    end_descendants()
    with suppress(OSError):
        control.sendall(json.dumps({"exit_code": exit_code}).encode() + b"\n")


def await_end(pid: int, watched: list[socket.socket], seconds: float | None = None) -> int | None:
    """Return a child's exit code; None if `watched` becomes readable first, or time is up."""
    deadline = None if seconds is None else time.monotonic() + seconds
    waiting: list[socket.socket | int] = [*watched]
    pidfd: int | None = None
    with suppress(AttributeError, OSError):  # Linux 5.3 and later
        pidfd = os.pidfd_open(pid)
        waiting.append(pidfd)
    try:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            ready = select.select(waiting, [], [], POLL_SECONDS if pidfd is None else left)[0]
            if any(connection in ready for connection in watched):
                return None
    finally:
        if pidfd is not None:
            os.close(pidfd)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process on Linux; do nothing elsewhere."""
    if LINUX:
        LIBC.prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (otherwise init does)."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """In a new child: make the kernel kill this process when its parent ends."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def print_stacks(log: int) -> None:
    """End each Python below this process by a signal on which it prints its stacks.

    Children come first. faulthandler prints the stacks in every Python of a run, because PYTHONFAULTHANDLER is set. A
    line in the file `log` names the process. All processes are stopped before, so that no parent reacts to the end of a
    child. The signal goes to the main thread, which usually waits for such a child: while it runs, its stack can't be
    read.
    """
    deadline = time.monotonic() + STACKS_SECONDS
    pids = list_descendants()
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, signal.SIGSTOP)
    for pid in reversed(pids):
        with suppress(OSError):
            if not catches(pid, signal.SIGABRT):
                continue
            command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
            os.write(log, b"\n" + f"{STACKS}{pid}: ".encode() + command + b"\n")
            with suppress(OSError, ValueError):
                resource.prlimit(pid, resource.RLIMIT_CORE, (1, 1))  # the kernel dumps no core at a limit of 1
            abort_main_thread(pid)
            os.kill(pid, signal.SIGCONT)
            while not has_ended(pid) and time.monotonic() < deadline:
                time.sleep(0.005)


def abort_main_thread(pid: int) -> None:
    """Send SIGABRT to the main thread.

    Where the C library can't choose a thread (glibc before 2.30), any thread may get the signal.
    """
    try:
        LIBC.tgkill(pid, pid, signal.SIGABRT)
    except AttributeError:
        os.kill(pid, signal.SIGABRT)


def catches(pid: int, number: signal.Signals) -> bool:
    """Return whether the process handles the signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1]
    return bool(int(caught, 16) >> number - 1 & 1)


def has_ended(pid: int) -> bool:
    """Return whether the process is gone or waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def end_descendants() -> None:
    """Kill all children of this process, including adopted ones, until none is left.

    A process of another user (for example, started by sudo) can't be killed and is left running.
    """
    deadline = time.monotonic() + END_SECONDS
    spared: set[int] = set()
    while time.monotonic() < deadline:
        left = [pid for pid in list_children() if pid not in spared]
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


def list_children(parent: int | str = "self") -> list[int]:
    """Return the process ids of a process's children; none if there is no /proc."""
    pids: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{parent}/task").iterdir():
            pids += [int(pid) for pid in (task / "children").read_text().split()]
    return pids


def list_descendants() -> list[int]:
    """Return the process ids of all processes below this one, parents before their children."""
    pids = list_children()
    for pid in pids:  # the list grows meanwhile
        pids += list_children(pid)
    return pids


if __name__ == "__main__":
    main()
