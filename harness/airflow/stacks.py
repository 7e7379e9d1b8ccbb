"""The Python stacks that the processes of a run print when the run times out.

The supervisor asks for them (inside/supervisor.py), and faulthandler prints them at the end of the run's log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.airflow.inside import supervisor
from harness.airflow.inside.supervisor import STACKS

NOISE = (str(Path(supervisor.__file__).parent), "<frozen runpy>")
"""Beginnings of the file names of frames that are not shown."""
FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)$')


def split_stacks(log: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the lines of the log before the stacks, and the lines of the stacks."""
    start = next((number for number, line in enumerate(log) if line.startswith(STACKS)), len(log))
    return log[:start], log[start:]


def find_place(log: str, dags_folder: Path) -> str | None:
    """Return the innermost line of the dags folder at which the run hung.

    For example `etl.py, line 9, in load`. The main thread of the run's own process comes last, and counts first.
    """
    _, stacks = split_stacks(log.splitlines())
    threads = re.split(r"\n(?=Current thread|Thread)", "\n".join(stacks))
    for thread in reversed(threads):
        for frame in filter(None, map(FRAME.match, thread.splitlines())):
            file = Path(frame["file"])
            if file.is_relative_to(dags_folder):
                return f"{file.relative_to(dags_folder)}, line {frame['line']}, in {frame['name']}"
    return None


def list_threads(stacks: Sequence[str]) -> list[str]:
    """Return the stacks as tracebacks, the most recent call last.

    Frames of this harness and of runpy are left out.
    """
    lines: list[str] = []
    frames: list[str] = []
    for line in [*stacks, ""]:
        if frame := FRAME.match(line):
            if not frame["file"].startswith(NOISE):
                frames.append(f'  File "{frame["file"]}", line {frame["line"]}, in {frame["name"]}')
            continue
        lines += reversed(frames)
        frames = []
        if line.startswith((STACKS, "Current thread", "Thread")):
            lines.append(re.sub("^Current thread", "Thread", line).replace("call first", "call last"))
    return lines
