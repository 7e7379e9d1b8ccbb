"""Choose the lines of a failed task's log to show."""

from __future__ import annotations

from collections.abc import Sequence

from harness.airflow.stacks import list_threads, split_stacks
from harness.evidence.evidence import NOISE
from harness.evidence.task_log import QUIET, list_entries

AIRFLOWS_OWN = "/site-packages/airflow/"
TAIL = 15
"""Lines shown of a log without warnings."""


def build_excerpt(lines: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return the lines of a failure's log to show.

    These are the warnings, else the last lines, and the stacks after a timeout.
    """
    printed, stacks = split_stacks(lines)
    shown = find_warnings(printed, limit) or tail_lines(printed, limit)
    return limit_lines([*shown, *_fold_frames(list_threads(stacks))], limit)


def find_warnings(lines: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return the last `limit` lines of warnings, errors and exceptions.

    Repetitions and NOISE are left out. Frames inside Airflow are counted instead of shown, except for the frame that
    raises.
    """
    loud: list[str] = []
    seen: set[str] = set()
    for entry in list_entries(lines):
        repeated = entry.text in seen or (entry.exception is not None and entry.exception in seen)
        seen.update(filter(None, (entry.text, entry.exception)))
        if entry.level not in QUIET and not repeated and not NOISE.search(entry.lines[0]):
            loud += _fold_frames(entry.lines)
    return limit_lines(loud, limit)


def tail_lines(lines: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return the last lines of a log without warnings."""
    return tuple(lines[-min(TAIL, limit) :])


def limit_lines(lines: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return the last lines, at most `limit`; the first counts the lines left out."""
    if len(lines) <= limit:
        return tuple(lines)
    return (f"... {len(lines) - limit + 1} lines before these", *lines[len(lines) - limit + 1 :])


def _fold_frames(lines: Sequence[str]) -> list[str]:
    shown: list[str] = []
    folded: list[list[str]] = []

    def unfold() -> None:
        if folded:
            count = len(folded)
            shown.append(f"  ... {count} frame{'s' if count > 1 else ''} inside Airflow")
            folded.clear()

    for line in lines:
        if line.startswith('  File "'):
            if AIRFLOWS_OWN in line:
                folded.append([line])
                continue
            unfold()
        elif folded and line.startswith("    "):
            folded[-1].append(line)
            continue
        elif folded:  # The traceback ends, and its last frame raises.
            raising = folded.pop()
            unfold()
            shown += raising
        shown.append(line)
    if folded:
        raising = folded.pop()
        unfold()
        shown += raising
    return shown
