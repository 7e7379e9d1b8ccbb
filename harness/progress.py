"""Telling the user what an image is waiting for."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Progress(Protocol):
    """Hears what happens to each image. May be called from several threads."""

    def step(self, image: str, text: str) -> None:
        """`text`: what is being done to `image` now, in a few words."""


class Silent:
    """Says nothing."""

    def step(self, image: str, text: str) -> None: ...


SILENT = Silent()


class Plain:
    """One line a step, with the seconds since the start, for logs and CI."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._start = time.monotonic()

    def step(self, image: str, text: str) -> None:
        print(f"[{time.monotonic() - self._start:6.1f} s] {image}: {text}", file=self._out, flush=True)


class Live:
    """On a terminal: a line an image, with the seconds that it has taken."""

    def __init__(self, display: RichProgress) -> None:
        self._display = display
        self._tasks: dict[str, TaskID] = {}

    def step(self, image: str, text: str) -> None:
        if image not in self._tasks:
            self._tasks[image] = self._display.add_task(image, total=None, text=text)
        self._display.update(self._tasks[image], text=text)

    def done(self, image: str) -> None:
        """Stops the image's clock."""
        self._display.update(self._tasks[image], total=1, completed=1)


@contextmanager
def shown() -> Iterator[Progress]:
    """Progress on stderr: live lines on a terminal, plain ones elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Plain(sys.stderr)
        return
    name, text = TextColumn("{task.description}"), TextColumn("{task.fields[text]}", markup=False)
    with RichProgress(SpinnerColumn(finished_text=" "), name, TimeElapsedColumn(), text, console=console) as display:
        yield Live(display)
