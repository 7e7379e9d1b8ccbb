"""Follow the states of a run's tasks in its metadata database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from harness.polling import call_repeatedly
from harness.progress import Progress

EVERY = 0.1
"""Seconds between two queries."""
ENDED = ("success", "failed", "upstream_failed", "skipped", "removed")


@contextmanager
def follow_tasks(database: psycopg.Connection, progress: Progress) -> Iterator[None]:
    """Report new states of tasks (`task[0]` if mapped) to `progress` until the context ends."""
    seen: dict[str, str] = {}

    def look() -> None:
        for task_id, index, state in database.execute(
            "SELECT task_id, map_index, state FROM task_instance WHERE state IS NOT NULL"
            " ORDER BY start_date NULLS LAST, task_id, map_index"
        ):
            name = f"{task_id}[{index}]" if index >= 0 else task_id
            if seen.get(name) != state:
                seen[name] = state
                progress.step(name, state, last=state in ENDED)

    with call_repeatedly(look, EVERY, "tasks"):
        yield
