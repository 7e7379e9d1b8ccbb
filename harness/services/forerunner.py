"""The forerunner: does the reaper's work until that watches, so that no service has to wait for it.

A process of its own (`python forerunner.py FLEET`), of the standard library alone until it has something to do. A line
on its standard input says that the reaper watches. Where that input ends without one, the test process died, even by
kill -9, or its reaper did not come: then all that bears the fleet's label goes, and what may be there of the reaper.
"""

from __future__ import annotations

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
def forerunner(fleet_id: str) -> Iterator[None]:
    """One is at its post inside. What ends this by an exception has it sweep, and waits for that."""
    # -S: it needs no packages, most likely. -P: our neighbours in this folder are not its modules.
    command = [sys.executable, "-S", "-P", __file__, fleet_id]
    # In a session of its own: a Ctrl-C at the terminal is not for it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        yield
        assert process.stdin is not None
        process.stdin.write(b"the reaper watches\n")


def main(fleet_id: str) -> None:
    if not sys.stdin.readline():
        _sweep(fleet_id)


def _sweep(fleet_id: str) -> None:
    import site

    site.main()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from harness.engine import LABEL_FLEET, connect
    from harness.errors import HarnessError
    from harness.services.reaper import fleet_of_reaper
    from harness.services.remove import remove_labelled

    began = last = time.monotonic()
    while time.monotonic() - last < QUIET and time.monotonic() - began < LIMIT:
        # An engine that refuses is making, or removing, the thing at this moment: the next round gets it.
        with suppress(HarnessError):
            for label in (fleet_id, fleet_of_reaper(fleet_id)):
                if remove_labelled(connect(), {LABEL_FLEET: label}).total():
                    last = time.monotonic()
        time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1])
