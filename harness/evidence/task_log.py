"""Read the log of `airflow dags test`.

Find its messages, the newest attempt of each task, and the exception that ended the attempt.

Two formats are parsed: Airflow 3's `TIME [level    ] message [logger] key=value`, and 2.11's
`[TIME] {file:line} LEVEL - message`, in which the task's own lines occur twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile

HEAD = re.compile(r"^(?:\d{4}-\S+ \[(?P<new>[a-z]+)\s*\] |\[\d{4}-[^\]]+\] \{[^}]*\} (?P<old>[A-Z]+) - )")
# The end of a message in Airflow 3's format. Lines after it were printed, or belong to a traceback.
CLOSED = re.compile(r" \[[\w.]+\](?: \w+=.*)?$")
PYTHON_WARNING = re.compile(r"^\S+:\d+:? \w*Warning: ")
TRACEBACK = "Traceback (most recent call last):"
STARTING = re.compile(r"\[DAG TEST\] starting task_id=(\S+) map_index=(-?\d+)")
OVER = re.compile(r"\[DAG TEST\] end task |Marking run <DagRun ")
QUIET = ("info", "debug", "notset")


@dataclass
class Entry:
    """One message, with the traceback below it."""

    level: str
    lines: list[str]
    closed: bool = False
    traceback: bool = False

    @property
    def text(self) -> str:
        """The message without its time, which differs between the two copies that 2.11 logs."""
        return "\n".join([re.sub(r"^\S+Z |^\[[^\]]+\] ", "", self.lines[0]), *self.lines[1:]])

    @property
    def exception(self) -> str | None:
        """The lines below the last frame of the traceback, among which may be an indented one."""
        frames = [number for number, line in enumerate(self.lines) if line.startswith('  File "')]
        if not self.traceback or not frames:
            return None
        below = dropwhile(lambda line: line.startswith(("    ", "  [Previous line")), self.lines[frames[-1] + 1 :])
        return "\n".join(below).strip()


def newest_attempts(log: str) -> dict[str, list[str]]:
    """Return the log lines of each task's newest attempt (`task[0]` if it is mapped)."""
    found: dict[str, list[str]] = {}
    inside: list[str] | None = None
    for line in log.splitlines():
        if started := STARTING.search(line):
            name, index = started.groups()
            task_id = name if int(index) < 0 else f"{name}[{index}]"
            found.pop(task_id, None)
            inside = found[task_id] = []
        elif OVER.search(line):
            inside = None
        if inside is not None:
            inside.append(line)
    return found


def find_exception(lines: Sequence[str]) -> str | None:
    """Return the exception that ended a task's attempt, without its traceback.

    Return None if the log has no exception. Later exceptions, such as one of a callback, do not count.
    """
    raised = [entry for entry in list_entries(lines) if entry.exception]
    ended = [entry for entry in raised if "Task failed with exception" in entry.lines[0]]
    return (ended or raised)[-1].exception if raised else None


def list_entries(lines: Sequence[str]) -> Iterator[Entry]:
    """Yield the messages of a log, each with its traceback."""
    entry = Entry("info", [], closed=True)
    for line in lines:
        head = HEAD.match(line)
        if head:
            new = Entry((head["new"] or head["old"]).lower(), [], closed=False)
        elif PYTHON_WARNING.match(line):
            new = Entry("warning", [])
        elif line.startswith(TRACEBACK) and entry.level in QUIET:
            new = Entry("error", [], traceback=True)  # on standard error, without a logger
        elif entry.closed and not entry.traceback and not line.startswith(TRACEBACK):
            new = Entry("info", [], closed=True)  # a line that the task printed
        else:
            new = entry
        if new is not entry:
            if entry.lines:
                yield entry
            entry = new
        entry.lines.append(line)
        entry.traceback |= line.startswith(TRACEBACK)
        entry.closed |= bool(CLOSED.search(line)) and not entry.traceback
    if entry.lines:
        yield entry
