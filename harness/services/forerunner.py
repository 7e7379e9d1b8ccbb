"""The forerunner: does the reaper's work until that watches, so that no service has to wait for it.

A process of its own (`python forerunner.py FLEET`), of the standard library alone until it has something to do. A line
on its standard input says that the reaper watches. Where that input ends without one, the test process died, even by
kill -9, or its reaper did not come: then all that bears the fleet's label goes, and what may be there of the reaper.
While it sweeps it holds the fleet's post, a file lock: who comes next waits, and nothing of theirs is swept.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

QUIET = 3.0
"""Seconds without anything new: the engine may still be making what the dead process had asked for."""
LIMIT = 60.0


@contextmanager
def forerunner(fleet_id: str, folder: Path) -> Iterator[None]:
    """One is at its post inside. What ends this by an exception leaves it to sweep, for some seconds.

    `folder` is the fleet's. Waits here for one that sweeps already.
    """
    # -S: it needs no packages, most likely. -P: our neighbours in this folder are not its modules.
    command = [sys.executable, "-S", "-P", __file__, fleet_id]
    with _post(folder) as post:
        # In a session of its own: a Ctrl-C at the terminal is not for it.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, pass_fds=[post])
    assert process.stdin is not None
    try:
        yield
        with suppress(BrokenPipeError), process.stdin:  # one that somebody killed is not needed any more
            process.stdin.write(b"the reaper watches\n")
        process.wait()
    finally:
        process.stdin.close()
        process.returncode = process.returncode or 0  # it may outlive this process; without a code, Popen warns of that


def await_forerunner(folder: Path) -> None:
    """Returns when none sweeps for the fleet of that folder."""
    with _post(folder):
        pass


@contextmanager
def _post(folder: Path) -> Iterator[int]:
    """The lock that a forerunner holds: it belongs to the open file, which the process inherits."""
    file = os.open(folder / "forerunner.post", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def main(fleet_id: str) -> None:
    if not sys.stdin.readline():
        _sweep(fleet_id)


def _sweep(fleet_id: str) -> None:
    import site

    site.main()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from docker.errors import DockerException

    from harness.engine import LABEL_FLEET, connect
    from harness.errors import EngineError, HarnessError
    from harness.services.reaper import fleet_of_reaper
    from harness.services.remove import remove_labelled

    began = last = time.monotonic()
    while time.monotonic() - last < QUIET and time.monotonic() - began < LIMIT:
        for label in (fleet_id, fleet_of_reaper(fleet_id)):
            try:
                found = remove_labelled(connect(), {LABEL_FLEET: label}).total()
            except EngineError:
                found = 0  # it is gone, and what it ran with it
            except (HarnessError, DockerException):
                found = 1  # the engine is making it, or removing it, at this moment: the next round gets it
            if found:
                last = time.monotonic()
        time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1])
