"""Rows 5 and 6: the services from nothing, and kept from the run before."""

from __future__ import annotations

import shutil
import subprocess

from benchmarks import inner
from benchmarks.figures import Goal, Line
from benchmarks.kept import down


def from_nothing(turns: int) -> list[Line]:
    """Row 5. `docker compose up --wait` would be a second thing to hold it against, where there is one."""
    session = inner.run_pytest(inner.project("starts", "starts"), more={"BENCH_TURNS": str(turns)})
    return [
        Line(
            row=5,
            key="5 start",
            what="all services ready from nothing / started one after another",
            unit="s",
            ours=session.noted("side by side"),
            against=session.noted("one after another"),
            goal=Goal(0.6),
            note=_compose(),
        )
    ]


def _compose() -> str:
    """What stands in the row about compose."""
    for command in (["docker", "compose", "up", "--help"], ["docker-compose", "up", "--help"]):
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0 and "--wait" in done.stdout:
                return f"`{' '.join(command[:-2])}` has --wait here, and was not measured"
    return "no compose with --wait is installed here"


def kept_stack(turns: int) -> list[Line]:
    """Row 6: the setup of a scenario that takes nothing but the world, first in its pytest."""
    folder = inner.project("kept", "ready", table='buckets = ["one", "two"]')
    try:
        inner.run_pytest(folder, "--reuse")
        sessions = [inner.run_pytest(folder, "--reuse") for _ in range(turns)]
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
