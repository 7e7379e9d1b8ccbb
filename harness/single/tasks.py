"""A run's tasks as they move, seen in its metadata database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

EVERY = 0.1
"""Seconds between two looks."""
Moved = Callable[[str, str], None]
"""Hears a task's id (mapped tasks as `task[0]`) and the state that it has now."""


@contextmanager
def followed(database: psycopg.Connection, moved: Moved) -> Iterator[None]:
    """Until the end of the context `moved` hears of every state in which a task is found."""
    ended = threading.Event()
    seen: dict[str, str] = {}

    def look() -> None:
        for task_id, index, state in database.execute(
            "SELECT task_id, map_index, state FROM task_instance WHERE state IS NOT NULL"
            " ORDER BY start_date NULLS LAST, task_id, map_index"
        ):
            name = f"{task_id}[{index}]" if index >= 0 else task_id
            if seen.get(name) != state:
                seen[name] = state
                moved(name, state)

    def follow() -> None:
        while not ended.wait(EVERY):
            look()

    follower = threading.Thread(target=follow, name="tasks")
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
        look()
