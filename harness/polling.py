"""Call a function again and again beside other work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def call_repeatedly(work: Callable[[], object], seconds: float, name: str) -> Iterator[None]:
    """Call `work` every `seconds` in a thread until the context ends, and then once more.

    `name` is the name of the thread.
    """
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(seconds):
            work()

    thread = threading.Thread(target=loop, name=name)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        work()
