"""Row 9: many empty scenarios in a long row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks import inner
from benchmarks.figures import Goal, Line
from benchmarks.kept import down

LONG = 500
PART = 100


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
