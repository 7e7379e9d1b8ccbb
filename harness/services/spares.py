"""Spares: while one copy of a database is in use, the next one is made, so that nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager


class Spares:
    """Copies of templates, each lent once and then dropped, both in the background.

    `make` copies a template and returns the copy's name, `drop` removes it. What they raise in the background is raised
    by the next call here.
    """

    def __init__(self, make: Callable[[str], str], drop: Callable[[str], None]) -> None:
        self._make, self._drop = make, drop
        # One thread: a copy is asked for before the last one is dropped, and neither should slow the run too much.
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spare-databases")
        self._lock = threading.Lock()
        self._ready: dict[str, Future[str]] = {}
        self._dropping: list[Future[None]] = []

    @contextmanager
    def lend(self, template: str) -> Iterator[str]:
        """The name of a copy that nobody has used."""
        with self._lock:
            self._tell()
            made = self._ready.pop(template, None) or self._background.submit(self._make, template)
        name = made.result()
        with self._lock:
            if template not in self._ready:
                self._ready[template] = self._background.submit(self._make, template)
        try:
            yield name
        finally:
            with self._lock:
                self._dropping.append(self._background.submit(self._drop, name))

    def close(self) -> None:
        """Drops what is left, and waits for it."""
        try:
            with self._lock:
                for template in list(self._ready):
                    spare = self._ready.pop(template).result()
                    self._dropping.append(self._background.submit(self._drop, spare))
        finally:
            self._background.shutdown(wait=True)
        self._tell()

    def _tell(self) -> None:
        done = [job for job in self._dropping if job.done()]
        self._dropping = [job for job in self._dropping if job not in done]
        for job in done:
            job.result()
