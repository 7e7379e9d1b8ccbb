"""Rows 5 and 6: the start of the services, and their reuse."""

from __future__ import annotations

import json

from benchmarks import compose, inner
from benchmarks.figures import Goal, Line
from benchmarks.kept import down


def from_nothing(turns: int) -> list[Line]:
    """Measure row 5: a parallel start, a sequential one and, if installed, compose."""
    command = compose.find_command()
    session = _starts(turns, command)
    lines = [_start_line(session, "" if command else "no compose with --wait is installed here")]
    if command:
        lines.append(
            Line(
                row=5,
                key="5 compose",
                what="all services ready from nothing / `docker compose up --wait`",
                unit="s",
                ours=session.noted("side by side"),
                against=session.noted("compose"),
                note=f"{compose.format_version(command)}; it starts no reaper and makes no buckets or databases",
            )
        )
    return lines


def _starts(turns: int, command: list[str] | None) -> inner.Session:
    more = {"BENCH_TURNS": str(turns), "BENCH_COMPOSE": json.dumps(command)}
    return inner.run_pytest(inner.project("starts", "starts"), more=more)


def _start_line(session: inner.Session, note: str) -> Line:
    return Line(
        row=5,
        key="5 start",
        what="all services ready from nothing / started one after another",
        unit="s",
        ours=session.noted("side by side"),
        against=session.noted("one after another"),
        note=note,
    )


def kept_stack(turns: int) -> list[Line]:
    """Row 6: the setup of a scenario that takes nothing but the world, first in its pytest."""
    folder = inner.project("kept", "ready", table='buckets = ["one", "two"]')
    try:
        inner.run_pytest(folder, "--harness-reuse")
        sessions = [inner.run_pytest(folder, "--harness-reuse") for _ in range(turns)]
    finally:
        down(folder)
    return [
        Line(
            row=6,
            key="6 kept",
            what="stack kept from the run before: ready again, clean",
            unit="s",
            ours=tuple(session.phases["test_ready"]["setup"] for session in sessions),
            goal=Goal(0.5),
        )
    ]
