"""Row 8: scenarios in two workers compared with one process, and a second core's speed-up.

An empty scenario costs only the harness's own work, and a part of that already runs in parallel on another core. So
empty scenarios gain the least from a second worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks import inner
from benchmarks.cores import second_core
from benchmarks.figures import Line
from benchmarks.kept import down
from benchmarks.scenarios import copy_of_checkout, without_waiting

# With this many scenarios the start of the workers, a second or two, is a small part.
EMPTY = 150
ROUNDS = 3


def two_workers(turns: int) -> list[Line]:
    """Measure with the warm runner, after the services and the hosts have started."""
    own = copy_of_checkout("workers-own")
    many, rounds = {"BENCH_TIMES": str(EMPTY)}, {"BENCH_ROUNDS": str(ROUNDS)}
    quiet = f"the scenarios whose DAGs don't wait, {ROUNDS} times"
    return [
        _line("8 workers", f"{EMPTY} empty scenarios", inner.project("workers", "many"), [], many, turns),
        _line("8 own", quiet, own, without_waiting(own), rounds, turns),
        second_core(8, turns),
    ]


def _line(key: str, what: str, folder: Path, tests: list[str], more: Mapping[str, str], turns: int) -> Line:
    kept = (*tests, "--harness-runner", "warm", "--harness-reuse")
    speeds: dict[str, list[float]] = {"2": [], "0": []}
    try:
        inner.run_pytest(folder, *kept, "-n", "2", more=more)
        for _ in range(turns):
            for workers, values in speeds.items():
                session = inner.run_pytest(folder, *kept, "-n", workers, more=more)
                values.append(len(session.phases) / session.seconds)
    finally:
        down(folder)
    return Line(
        row=8,
        key=key,
        what=f"{what}, warm: -n 2 / -n 0",
        unit="scenarios/s",
        ours=tuple(speeds["2"]),
        against=tuple(speeds["0"]),
        note="the whole pytest from a shell prompt, services and hosts up, not for the first time",
    )
