"""The waits of a run that the setting `waits = "short"` capped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CappedWait:
    """A task's argument, with the seconds that the DAG gives and the seconds of the run.

    `declared` is None if the DAG sets no limit for growing waits (`max_retry_delay`, `max_wait`).
    """

    task_id: str
    argument: str
    declared: float | None
    used: float = 1.0


def read_capped_waits(file: Path, dag_id: str) -> tuple[CappedWait, ...]:
    """Return the waits of a DAG's tasks in the file, each once.

    The lines of the file repeat each time Airflow loads the DAG.
    """
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    waits = [CappedWait(task_id, argument, seconds) for dag, task_id, argument, seconds in rows if dag == dag_id]
    return tuple(sorted(dict.fromkeys(waits), key=lambda wait: (wait.task_id, wait.argument)))
