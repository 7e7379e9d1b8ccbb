"""Row 9: many empty scenarios in one pytest."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks import inner
from benchmarks.figures import Goal, Line
from benchmarks.kept import down

LONG = 500
PART = 100


def long_row(turns: int) -> list[Line]:
    """Measure row 9.

    Each turn is a new pytest, whose first scenario, with the start of the services, doesn't count.
    """
    folder = inner.project("long", "many")
    sessions: list[inner.Session] = []
    try:
        for _ in range(turns):
            more = {"BENCH_TIMES": str(LONG), "BENCH_WEIGH": f"{PART},{LONG}"}
            sessions.append(inner.run_pytest(folder, "--harness-runner", "warm", more=more))
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
            note="medians of twenty; without the first and the last, which include the session's start and end",
        ),
        Line(
            row=9,
            key="9 memory",
            what=f"growth of the host's memory from scenario {PART} to scenario {LONG}",
            unit="MB",
            ours=tuple(session.noted("megabytes")[1] - session.noted("megabytes")[0] for session in sessions),
            goal=Goal(50),
            note=f"PSS; after scenario {PART}: {sessions[0].noted('megabytes')[0]:.0f} MB",
        ),
    ]


def _parts(seconds: Sequence[float]) -> list[float]:
    """Return the median of every twenty values.

    Both ends can't alternate, so the spread must show other load on the machine.
    """
    return [statistics.median(seconds[at : at + 20]) for at in range(0, len(seconds), 20)]
