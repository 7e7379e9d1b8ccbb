"""Read a dags folder as Airflow does, and print its DAGs and errors as JSON behind MARK."""

from __future__ import annotations

import json
import sys
from typing import Any

MARK = "HARNESS-FOLDER:"
TIMETABLES = {"NullTimetable": "none", "OnceTimetable": "once", "ContinuousTimetable": "continuous"}
EXPRESSIONS = ("expression", "_expression", "delta", "_delta", "summary")


def main(arguments: list[str]) -> None:
    """Print MARK and JSON: `dags` by id, `errors` (traceback) by file, of the given folder."""
    (folder,) = arguments
    sys.path.append(folder)  # Airflow does this too, so DAG files can import the modules beside them
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models import DagBag
    bag = DagBag(dag_folder=folder)
    dags = {dag.dag_id: describe_dag(dag) for dag in bag.dags.values()}
    print(MARK + json.dumps({"dags": dags, "errors": dict(bag.import_errors)}))


def describe_dag(dag: Any) -> dict[str, Any]:
    """Return file, start, end (ISO, or None), edges (pairs of task ids) and schedule."""
    return {
        "file": dag.fileloc,
        "start": format_moment(dag.start_date),
        "end": format_moment(dag.end_date),
        "edges": [(task.task_id, after) for task in dag.tasks for after in sorted(task.downstream_task_ids)],
        "schedule": format_schedule(dag.timetable),
    }


def format_moment(moment: Any) -> str | None:
    """Return an ISO text, or None for an open end."""
    return moment.isoformat() if moment else None


def format_schedule(timetable: Any) -> str:
    """Return the timetable's expression (cron, interval or summary), else a word for its kind."""
    kind = type(timetable).__name__
    if kind in TIMETABLES:
        return TIMETABLES[kind]
    values = (getattr(timetable, name, None) for name in EXPRESSIONS)
    return str(next(filter(None, values), kind.replace("Timetable", "")))
