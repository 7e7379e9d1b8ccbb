"""What a second core is worth on this machine: two processes that only count, against one.

Cores of a virtual machine share caches, memory and clock, so two do less than twice the work of one, on some days more
than on others. Two workers that keep both busy can't come further than this.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figures import Line

COUNT = "for number in range(40_000_000): pass"


def second_core(row: int, turns: int) -> Line:
    """A line to stand beside the row's own, measured right after it."""
    one, two = [], []
    for _ in range(turns):
        one.append(1 / _seconds(1))
        two.append(2 / _seconds(2))
    return Line(
        row=row,
        key=f"{row} machine",
        what="the machine itself: two processes that only count / one",
        unit="counts/s",
        ours=tuple(two),
        against=tuple(one),
        note="measured right after the workers; they leave less, as one scenario keeps more than one core busy already",
    )


def _seconds(processes: int) -> float:
    began = time.monotonic()
    counting = [subprocess.Popen([sys.executable, "-S", "-c", COUNT]) for _ in range(processes)]
    for process in counting:
        process.wait()
    return time.monotonic() - began
