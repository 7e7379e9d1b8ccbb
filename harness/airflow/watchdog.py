"""The watchdog of one run: ends everything that the run started, once the run or the test process has ended.

A process of its own (`python watchdog.py MARK`), standard library only. It reads the run's process group from its
standard input and then waits for the end of that input, which comes when the test process closes it, or dies, even by
kill -9. A task may have left the process group (BashOperator calls setsid), so on Linux whatever carries the mark in
its environment, as the variable MARK, is ended too.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

MARK = "HARNESS_RUN_MARK"
ROUNDS = 50  # a process may fork while it is being looked for


def marked(mark: bytes) -> list[int]:
    """The living processes that have `mark` in their environment; none where there is no /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def main(mark: str) -> None:
    group = sys.stdin.readline().strip()
    sys.stdin.read()
    if group:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(group), signal.SIGKILL)
    for _ in range(ROUNDS):
        left = marked(mark.encode())
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
