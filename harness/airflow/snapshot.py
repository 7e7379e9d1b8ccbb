"""Read the result of a run from Airflow's metadata database."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from harness.airflow.facts import TaskResult
from harness.airflow.xcom_values import decode_xcom


@dataclass(frozen=True)
class MetadataSnapshot:
    """One run of a DAG in the metadata database; all is empty if there is no run."""

    state: str | None
    tasks: Mapping[str, TaskResult]
    xcoms: Mapping[tuple[str, str], Any]
    dag_files: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[tuple[str, str], ...] | None = None
    run_type: str | None = None
    logical_date: dt.datetime | None = None
    data_interval: tuple[dt.datetime | None, dt.datetime | None] = (None, None)


# One query reads the files of all DAGs and the graph of the DAG that was run (newest version), to save a round trip.
FILES = """
SELECT dag.dag_id, dag.fileloc, newest.tasks FROM dag LEFT JOIN LATERAL (
    SELECT data -> 'dag' -> 'tasks' AS tasks FROM serialized_dag
    WHERE serialized_dag.dag_id = dag.dag_id AND dag.dag_id = %s ORDER BY last_updated DESC LIMIT 1
) AS newest ON true WHERE dag.fileloc IS NOT NULL
"""
# Printed by 2.11 when a task starts under `dags test`, which records no start_date in the database.
STARTED = re.compile(r"^\[(\S+)\] .*\[DAG TEST\] starting task_id=(\S+) map_index=(-?\d+)", re.M)


def find_last_run(metadata_url: str) -> int:
    """Return the id of the last run in the database; 0 before the first run."""
    with psycopg.connect(metadata_url) as connection:
        row = connection.execute("SELECT max(id) FROM dag_run").fetchone()
    return (row and row[0]) or 0


def read_snapshot(metadata_url: str, dag_id: str, log: str, after: int = 0) -> MetadataSnapshot:
    """Read the DAG's first run after the run with the id `after`: the run of `dags test`.

    `dags test` creates its run before any task runs; later runs are those that tasks have triggered. `log` is the run's
    output, from which come the start times that the database lacks. Airflow 2.11 and 3.3 have the same columns here.
    """
    printed = {(task, int(index)): dt.datetime.fromisoformat(at) for at, task, index in STARTED.findall(log)}
    with psycopg.connect(metadata_url, row_factory=dict_row) as connection:
        run = connection.execute(
            # All columns, because 3.0 renamed execution_date to logical_date.
            "SELECT * FROM dag_run WHERE dag_id = %s AND id > %s ORDER BY id LIMIT 1",
            [dag_id, after],
        ).fetchone()
        if run is None:
            return MetadataSnapshot(None, {}, {})
        key = [dag_id, run["run_id"]]
        tasks = connection.execute(
            "SELECT task_id, map_index, state, try_number, start_date, end_date, operator, rendered_fields"
            " FROM task_instance LEFT JOIN rendered_task_instance_fields USING (dag_id, task_id, run_id, map_index)"
            " WHERE dag_id = %s AND run_id = %s ORDER BY start_date NULLS LAST, task_id, map_index",
            key,
        ).fetchall()
        xcoms = connection.execute(
            "SELECT task_id, map_index, key, value FROM xcom WHERE dag_id = %s AND run_id = %s", key
        ).fetchall()
        files = connection.execute(FILES, [dag_id]).fetchall()
    return MetadataSnapshot(
        run["state"],
        {_format_name(row): _read_task(row, printed.get((row["task_id"], row["map_index"]))) for row in tasks},
        {(_format_name(row), row["key"]): decode_xcom(row["value"]) for row in xcoms},
        {row["dag_id"]: row["fileloc"] for row in files},
        next((_read_edges(row["tasks"]) for row in files if row["tasks"] is not None), None),
        run["run_type"],
        run["logical_date"] if "logical_date" in run else run["execution_date"],
        (run["data_interval_start"], run["data_interval_end"]),
    )


def _read_edges(tasks: list[Any]) -> tuple[tuple[str, str], ...]:
    """Return the graph from the serialized tasks, each of which lists its downstream tasks."""
    fields = [task["__var"] for task in tasks]
    return tuple((task["task_id"], after) for task in fields for after in task.get("downstream_task_ids") or ())


def _format_name(row: Mapping[str, Any]) -> str:
    mapped = row["map_index"] >= 0
    return f"{row['task_id']}[{row['map_index']}]" if mapped else str(row["task_id"])


def _read_task(row: Mapping[str, Any], printed_start: dt.datetime | None) -> TaskResult:
    start, end = row["start_date"] or printed_start, row["end_date"]
    duration = (end - start).total_seconds() if start and end else None
    return TaskResult(
        _format_name(row),
        row["state"],
        row["try_number"] or 0,
        duration,
        start,
        end,
        row["operator"],
        row["rendered_fields"] or {},
    )
