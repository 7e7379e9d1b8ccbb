"""What the scenarios of both sides did not exercise: DAGs and tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.compare.model import NotExercised
from harness.compare.read import Side
from harness.compare.runs import NEVER_STARTED


def list_not_exercised(baseline: Side, candidate: Side) -> tuple[NotExercised, ...] | None:
    """Return what no scenario executed on both sides; None if that is not known."""
    found = tuple(find_not_exercised(baseline, candidate))
    return found if found or (knows_dags(baseline) and knows_dags(candidate)) else None


def find_not_exercised(baseline: Side, candidate: Side) -> Iterator[NotExercised]:
    """Yield the DAGs and tasks of the dags folders that no scenario executed on both sides."""
    defined: dict[str, set[str]] = {}
    for side in (baseline, candidate):
        for dag, tasks in (side.folder.tasks if side.folder else {}).items():
            defined.setdefault(dag, set()).update(tasks)
    executed = [_list_executed(side) for side in (baseline, candidate)]
    for dag in sorted(defined):
        if not all(dag in side for side in executed):
            yield NotExercised(dag_id=dag, whole=True)
            continue
        left = sorted(task for task in defined[dag] if not all(task in side[dag] for side in executed))
        if left:
            yield NotExercised(dag_id=dag, tasks=tuple(left))


def _list_executed(side: Side) -> Mapping[str, set[str]]:
    executed: dict[str, set[str]] = {}
    for scenario in side.scenarios.values():
        for run in scenario.runs:
            tasks = (re.sub(r"\[\d+\]$", "", task) for task, one in run.tasks.items() if one.state not in NEVER_STARTED)
            executed.setdefault(run.dag_id, set()).update(tasks)
    return executed


def knows_dags(side: Side) -> bool:
    """Return whether the side's evidence has all DAGs of its dags folder."""
    return side.folder is not None and not side.folder.incomplete
