"""Read a dags folder as Airflow does, and print its DAGs and errors as JSON behind MARK."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from .missing_imports import find_missing_imports

MARK = "HARNESS-FOLDER:"
TIMETABLES = {"NullTimetable": "none", "OnceTimetable": "once", "ContinuousTimetable": "continuous"}
EXPRESSIONS = ("expression", "_expression", "delta", "_delta", "summary")


def main(arguments: list[str]) -> None:
    """Print MARK and the contents of the given dags folder as JSON.

    Keys: `dags` by id, `errors` (traceback) and `missing_imports` by file.
    """
    (folder,) = arguments
    bag = load_bag(folder)
    dags = {dag.dag_id: describe_dag(dag) for dag in bag.dags.values()}
    errors = dict(bag.import_errors)
    missing = {file: find_missing_imports(file) for file in list_files(folder, dags, errors)}
    print(MARK + json.dumps({"dags": dags, "errors": errors, "missing_imports": missing}))


def load_bag(folder: str) -> Any:
    """Return Airflow's DagBag of the folder."""
    sys.path.append(folder)  # Airflow does this too, so DAG files can import the modules beside them
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models import DagBag
    return DagBag(dag_folder=folder)


def list_files(folder: str, dags: dict[str, Any], errors: dict[str, str]) -> list[str]:
    """Return the folder's files that have DAGs, that are broken, or that a traceback names."""
    named = [file for trace in errors.values() for file in re.findall(r'File "([^"]+)"', trace)]
    files = {*errors, *named, *(dag["file"] for dag in dags.values())}
    return sorted(file for file in files if file.startswith(folder) and file.endswith(".py"))


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
