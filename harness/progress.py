"""Show the progress of long work: images, services, the tasks of a run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Progress(Protocol):
    """Receives the steps of each piece of work, also from several threads."""

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        """Report the current step (`text`, a few words) of `what`; `last` marks its final step."""


class Silent:
    """Show nothing."""

    def step(self, what: str, text: str, *, last: bool = False) -> None: ...


SILENT = Silent()


LONG_WAIT = 1.0
"""Seconds after which announce() reports a wait."""


@contextmanager
def announce(progress: Progress, what: str, text: str) -> Iterator[None]:
    """Report the work in this context, and its end, if it takes longer than LONG_WAIT.

    The report of the end has the seconds.
    """
    began = time.monotonic()
    timer = threading.Timer(LONG_WAIT, progress.step, (what, text))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
    if (seconds := time.monotonic() - began) > LONG_WAIT:
        progress.step(what, f"done in {seconds:.1f} s", last=True)


class Plain:
    """Print one line for each step, with the seconds since the start, for logs and CI."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._start = time.monotonic()

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        print(f"[{time.monotonic() - self._start:6.1f} s] {what}: {text}", file=self._out, flush=True)


class Live:
    """Show a live line for each piece of work, with its duration, on a terminal."""

    def __init__(self, display: RichProgress) -> None:
        self.display = display
        self._tasks: dict[str, TaskID] = {}

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        if what not in self._tasks:
            self._tasks[what] = self.display.add_task(what, total=None, text=text)
        self.display.update(self._tasks[what], text=text, total=1 if last else None, completed=1 if last else None)


@contextmanager
def pause(progress: Progress) -> Iterator[None]:
    """Leave the terminal to other output in this context."""
    display = progress.display if isinstance(progress, Live) else None
    if display:
        display.stop()
    try:
        yield
    finally:
        if display:
            display.start()


@contextmanager
def show_progress(console: Console | None = None) -> Iterator[Progress]:
    """Show progress on the console (default: stderr): live on a terminal, else plain lines."""
    # Use the current stderr throughout, because other code may replace sys.stderr meanwhile.
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
