"""Telling the user what long work is at: images, services, the tasks of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Progress(Protocol):
    """Hears what happens to each thing that is worked on. May be called from several threads."""

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        """`text`: what is being done to `what` now, in a few words. `last`: nothing more is."""


class Silent:
    """Says nothing."""

    def step(self, what: str, text: str, *, last: bool = False) -> None: ...


SILENT = Silent()


class Plain:
    """One line a step, with the seconds since the start, for logs and CI."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._start = time.monotonic()

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        print(f"[{time.monotonic() - self._start:6.1f} s] {what}: {text}", file=self._out, flush=True)


class Live:
    """On a terminal: a line for each thing, with the seconds that it has taken."""

    def __init__(self, display: RichProgress) -> None:
        self._display = display
        self._tasks: dict[str, TaskID] = {}

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._display.add_task(what, total=None, text=text)
        self._display.update(self._tasks[what], text=text, total=1 if last else None, completed=1 if last else None)


@contextmanager
def show_progress(console: Console | None = None) -> Iterator[Progress]:
    """Progress on the console, or on stderr: live lines on a terminal, plain ones elsewhere."""
    # The stream of this moment: others may take its place while this goes on.
    console = console or Console(file=sys.stderr)
    if not console.is_terminal:
        yield Plain(console.file)
        return
    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with RichProgress(*columns, console=console) as display:
        yield Live(display)
