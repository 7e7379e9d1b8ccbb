"""Rows 8 and 9: many empty scenarios, in two workers and in a long row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks import inner
from benchmarks.cores import second_core
from benchmarks.figures import Goal, Line
from benchmarks.kept import down

LONG = 500
PART = 100
PARALLEL = 150
"""So many that the start of the workers, some two seconds, is a small part."""


def two_workers(turns: int) -> list[Line]:
    """Row 8, with the warm runner; the services and the host are up before, on both sides. Last, the machine alone."""
    folder = inner.project("workers", "many")
    kept = ("--runner", "warm", "--reuse")
    two: list[float] = []
    one: list[float] = []
    try:
        inner.run_pytest(folder, *kept, "-n", "2", more={"BENCH_TIMES": "8"})
        for _ in range(turns):
            for workers, speeds in (("2", two), ("0", one)):
                session = inner.run_pytest(folder, *kept, "-n", workers, more={"BENCH_TIMES": str(PARALLEL)})
                speeds.append(PARALLEL / session.seconds)
    finally:
        down(folder)
    return [
        Line(
            row=8,
            key="8 workers",
            what=f"{PARALLEL} empty scenarios, warm: -n 2 / -n 0",
            unit="scenarios/s",
            ours=tuple(two),
            against=tuple(one),
            goal=Goal(1.7, at_least=True),
            note="the whole pytest from a shell prompt, services and host up",
        ),
        second_core(8, turns),
    ]


def long_row(turns: int) -> list[Line]:
    """Row 9. Each turn is a pytest of its own; the first scenario, in which the services start, is left out."""
    folder = inner.project("long", "many")
    sessions: list[inner.Session] = []
    try:
        for _ in range(turns):
            more = {"BENCH_TIMES": str(LONG), "BENCH_WEIGH": f"{PART},{LONG}"}
            sessions.append(inner.run_pytest(folder, "--runner", "warm", more=more))
            down(folder)
    finally:
        down(folder)
    first = [part for session in sessions for part in _parts(session.of("test_scenario")[1 : PART + 1])]
    last = [part for session in sessions for part in _parts(session.of("test_scenario")[-PART - 1 : -1])]
    return [
        Line(
            row=9,
            key="9 long row",
            what=f"{LONG} empty scenarios, seconds each: last {PART} / first {PART}",
            unit="s",
            ours=tuple(last),
            against=tuple(first),
            goal=Goal(1.05),
            note="medians of twenty; without the very first and last, which hold the session's start and end",
        ),
        Line(
            row=9,
            key="9 memory",
            what=f"memory of the host after scenario {LONG}, more than after scenario {PART}",
            unit="MB",
            ours=tuple(session.noted("megabytes")[1] - session.noted("megabytes")[0] for session in sessions),
            goal=Goal(50),
            note=f"PSS; after scenario {PART}: {sessions[0].noted('megabytes')[0]:.0f} MB",
        ),
    ]


def _parts(seconds: Sequence[float]) -> list[float]:
    """The median of every twenty: the two ends can't be measured in turn, so that the spread must show a neighbour."""
    return [statistics.median(seconds[at : at + 20]) for at in range(0, len(seconds), 20)]
