"""The speed-up of a second core: two processes that only count against one.

The cores of a virtual machine share caches, memory and clock, so two cores do less than twice the work of one, and how
much less varies. The result is an upper bound for two workers that keep both cores busy.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figures import Line

COUNT = "for number in range(40_000_000): pass"


def second_core(row: int, turns: int) -> Line:
    """Measure a line for the table, to compare with the row that was measured just before."""
    one, two = [], []
    for _ in range(turns):
        one.append(1 / _measure(1))
        two.append(2 / _measure(2))
    return Line(
        row=row,
        key=f"{row} machine",
        what="the machine itself: two processes that only count / one",
        unit="counts/s",
        ours=tuple(two),
        against=tuple(one),
        note="measured right after the workers, which gain less, as one scenario keeps more than one core busy",
    )


def _measure(processes: int) -> float:
    began = time.monotonic()
    counting = [subprocess.Popen([sys.executable, "-S", "-c", COUNT]) for _ in range(processes)]
    for process in counting:
        process.wait()
    return time.monotonic() - began
