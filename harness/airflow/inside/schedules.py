"""Read a dags folder as Airflow does, and project the schedules of its DAGs.

A projection starts from a given date, never from now.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .read_dags import format_moment, format_schedule, load_bag

ANCHOR = "2026-01-01T00:00:00+00:00"
"""Projections of the whole folder start here, or at the start date of a DAG that ends before."""
COUNT = 5
UNENDING = ("ContinuousTimetable",)
"""Timetables that are computed from the present time."""


def main(arguments: list[str]) -> None:
    """Write the errors, tasks, files and schedules of a dags folder as JSON.

    The arguments are the folder, a file with a JSON list of DAG id and date for each run, and the file to write. The
    result has `errors` (traceback by file), `tasks`, `files` and `schedules` by DAG id, and `runs`: a schedule for each
    run, from the run's date; None if the folder lacks the DAG.
    """
    folder, request, result = arguments
    bag = load_bag(folder)
    dags = dict(sorted(bag.dags.items()))
    runs = json.loads(Path(request).read_text(encoding="utf-8"))
    found = {
        "errors": dict(bag.import_errors),
        "tasks": {dag_id: sorted(dag.task_ids) for dag_id, dag in dags.items()},
        "files": {dag_id: dag.fileloc for dag_id, dag in dags.items()},
        "schedules": {dag_id: project(dag, choose_anchor(dag)) for dag_id, dag in dags.items()},
        "runs": [project(dags[dag_id], date) if dag_id in dags else None for dag_id, date in runs],
    }
    Path(result).write_text(json.dumps(found), encoding="utf-8")


def choose_anchor(dag: Any) -> str:
    """Return ANCHOR, or the DAG's start if the DAG ends before ANCHOR."""
    ended = dag.end_date is not None and dag.end_date < parse_moment(ANCHOR)
    return str(dag.start_date.isoformat()) if ended and dag.start_date else ANCHOR


def project(dag: Any, anchor: str) -> dict[str, Any]:
    """Return the schedule of a DAG: the fields of harness.evidence.document.Schedule."""
    schedule = {
        "timetable": type(dag.timetable).__name__,
        "expression": format_schedule(dag.timetable),
        "catchup": dag.catchup,
        "anchor": anchor,
    }
    try:
        timetable = to_core(dag.timetable)
        schedule["timetable"] = type(timetable).__name__
        return {**schedule, "next": list_runs(dag, timetable, parse_moment(anchor))}
    except Exception as error:  # a project's own timetable may raise any error
        return {**schedule, "unreadable": f"{type(error).__name__}: {error}"}


def to_core(timetable: Any) -> Any:
    """Convert a timetable of a DAG file to the one that a scheduler uses (3.2 and later)."""
    try:
        from airflow.serialization.encoders import coerce_to_core_timetable
    except ImportError:
        return timetable
    return coerce_to_core_timetable(timetable)


def list_runs(dag: Any, timetable: Any, anchor: Any) -> list[dict[str, Any]]:
    """Return the first COUNT runs that a scheduler creates from `anchor` on.

    Each run has its logical date, start and end.
    """
    from airflow.timetables.base import TimeRestriction

    if type(timetable).__name__ in UNENDING:
        return []
    earliest = max(dag.start_date, anchor) if dag.start_date else anchor
    # With catchup no timetable looks at the present time.
    restriction = TimeRestriction(earliest=earliest, latest=dag.end_date, catchup=True)
    runs: list[dict[str, Any]] = []
    last = None
    while len(runs) < COUNT:
        last = next_run(timetable, last, restriction)
        if last is None:
            break
        interval = last.data_interval
        runs.append(
            {
                "logical_date": format_moment(getattr(last, "logical_date", None)),
                "start": format_moment(interval and interval.start),
                "end": format_moment(interval and interval.end),
            }
        )
    return runs


def next_run(timetable: Any, last: Any, restriction: Any) -> Any:
    """Return the run that follows `last`, or None."""
    if hasattr(timetable, "next_dagrun_info_v2"):
        return timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
    interval = last.data_interval if last else None
    return timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)


def parse_moment(text: str) -> Any:
    """Parse an ISO date or time; without an offset it is UTC."""
    try:
        from airflow.sdk.timezone import parse
    except ImportError:
        from airflow.utils.timezone import parse
    return parse(text)
