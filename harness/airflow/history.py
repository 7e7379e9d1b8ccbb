"""What a run finds in the metadata database: earlier runs, their XComs, asset events.

The rows hold the columns that the database of the installed Airflow has: 2.x calls assets datasets, and a logical date
execution date.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import psycopg
from psycopg import sql

from harness.airflow.preflight import check_date
from harness.errors import RunRefusedError

RunState = Literal["success", "failed", "running", "queued"]
TaskState = Literal[
    "success",
    "failed",
    "skipped",
    "upstream_failed",
    "removed",
    "scheduled",
    "queued",
    "running",
    "deferred",
    "up_for_retry",
    "up_for_reschedule",
    "restarting",
]
OLD_NAMES = {"asset": "dataset", "asset_event": "dataset_event", "dagrun_asset_event": "dagrun_dataset_event"}
"""Names of tables in Airflow 3 and 2."""
INSTANCE = re.compile(r"(?P<task>.+?)(\[(?P<index>\d+)\])?")
# The scheduler links an event to the run that the event triggers. `airflow dags test` creates the run itself (a manual
# one) and links nothing, so the database links the first one.
LINK = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {links} (dag_run_id, event_id)
    SELECT NEW.id, {event} WHERE NOT EXISTS (SELECT FROM {links} WHERE event_id = {event});
    RETURN NULL;
END $$;
CREATE TRIGGER {function} AFTER INSERT ON dag_run FOR EACH ROW 
WHEN (NEW.dag_id = {dag_id} AND NEW.run_type = 'manual')
EXECUTE FUNCTION {function}()
"""


@dataclass(frozen=True)
class EarlierRun:
    """A run that precedes the runs of a scenario, as `world.earlier_run()` declares it.

    `run_id` is the id that Airflow's scheduler gives to the run of `date`.
    """

    dag_id: str
    date: dt.datetime
    state: RunState = "success"
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    xcoms: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    data_interval: tuple[dt.datetime, dt.datetime] | None = None

    @property
    def run_id(self) -> str:
        """The run's id, such as `scheduled__2026-03-01T00:00:00+00:00`."""
        return f"scheduled__{self.date.isoformat()}"


@dataclass(frozen=True)
class AssetEvent:
    """An update of an asset, as `world.asset_event()` declares it."""

    uri: str
    name: str
    extra: Mapping[str, Any]
    source: EarlierRun | None
    triggers: str | None


def to_moment(date: str | dt.date) -> dt.datetime:
    """Return the date or time as a moment, in UTC if it has no offset. Raises RunRefusedError."""
    if isinstance(date, str):
        check_date(date)
        date = dt.datetime.fromisoformat(date)
    moment = date if isinstance(date, dt.datetime) else dt.datetime.combine(date, dt.time())
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def check_earlier_run(run: EarlierRun) -> None:
    """Raise RunRefusedError if Airflow has no such state, or can't store an XCom of the run."""
    _check_state(f"a run of {run.dag_id}", run.state, get_args(RunState))
    for task_id, state in run.tasks.items():
        _check_state(f"task {task_id!r}", state, get_args(TaskState))
    for (task_id, key), value in run.xcoms.items():
        to_json(f"earlier_run: the XCom {key!r} of task {task_id!r}", value)


def _check_state(what: str, state: str, states: Sequence[str]) -> None:
    if state not in states:
        raise RunRefusedError(f"earlier_run: {what} can't have the state {state!r}: use {', '.join(states)}")


def to_json(what: str, value: object) -> str:
    """Return `value` as JSON. Raises RunRefusedError, which begins with `what`."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RunRefusedError(f"{what} is not JSON ({error}): use texts, numbers, lists and dictionaries") from error


def write_history(metadata_url: str, history: Sequence[EarlierRun | AssetEvent]) -> None:
    """Write the declared state into the database.

    Raises RunRefusedError if a run exists already.
    """
    if not history:
        return
    with psycopg.connect(metadata_url) as connection:
        tables = _Tables(connection)
        for item in history:
            if isinstance(item, EarlierRun):
                _write_run(tables, item)
            else:
                _write_event(tables, item)


class _Tables:
    """The tables of the database, with the columns of the installed Airflow."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.types: dict[str, dict[str, str]] = {}
        for table, column, kind in connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ):
            self.types.setdefault(table, {})[column] = kind

    def name(self, table: str) -> str:
        return table if table in self.types else OLD_NAMES[table]

    def insert(self, table: str, row: Mapping[str, Any]) -> Any:
        """Insert the values whose columns exist; return the new row's id, if the table has ids."""
        table = self.name(table)
        known = {name: value for name, value in row.items() if name in self.types[table]}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, known)),
            sql.SQL(", ").join(sql.Placeholder() * len(known)),
            sql.Identifier("id") if "id" in self.types[table] else sql.NULL,
        )
        inserted = self.connection.execute(statement, list(known.values())).fetchone()
        return inserted and inserted[0]


def _write_run(tables: _Tables, run: EarlierRun) -> None:
    start, end = run.data_interval or (run.date, run.date)
    key = {"dag_id": run.dag_id, "run_id": run.run_id}
    times = {"start_date": end, "end_date": end if run.state in ("success", "failed") else None, "updated_at": end}
    try:
        number = tables.insert(
            "dag_run",
            {
                **key,
                **times,
                "execution_date": run.date,
                "logical_date": run.date,
                "data_interval_start": start,
                "data_interval_end": end,
                "run_after": end,
                "state": run.state,
                "run_type": "scheduled",
                "external_trigger": False,
            },
        )
    except psycopg.errors.UniqueViolation as error:
        raise RunRefusedError(
            f"earlier_run: {run.dag_id} has a run for {run.date.isoformat()} already: declare another date"
        ) from error
    states = {**dict.fromkeys((task_id for task_id, _ in run.xcoms), "success"), **run.tasks}
    for task, state in states.items():
        task_id, index = _split(task)
        tables.insert(
            "task_instance",
            {
                **key,
                **times,
                "id": uuid.uuid4(),
                "task_id": task_id,
                "task_display_name": task_id,
                "map_index": index,
                "state": state,
                "try_number": 1,
                "max_tries": 0,
                "duration": 0.0,
                "pool": "default_pool",
                "pool_slots": 1,
                "queue": "default",
                "priority_weight": 1,
                "hostname": "",
            },
        )
    for (task, xcom), value in run.xcoms.items():
        task_id, index = _split(task)
        text = to_json(xcom, value)
        stored = text.encode() if tables.types["xcom"]["value"] == "bytea" else text
        row = {"dag_run_id": number, "task_id": task_id, "map_index": index, "key": xcom, "value": stored}
        tables.insert("xcom", {**key, **row, "timestamp": end})


def _split(task: str) -> tuple[str, int]:
    """Return task id and map index of a task that a run names `task` or `task[0]`."""
    match = INSTANCE.fullmatch(task)
    return (match["task"], int(match["index"])) if match and match["index"] else (task, -1)


def _write_event(tables: _Tables, event: AssetEvent) -> None:
    now = dt.datetime.now(dt.UTC)
    asset = tables.name("asset")
    found = tables.connection.execute(
        sql.SQL("SELECT id FROM {} WHERE uri = %s").format(sql.Identifier(asset)), [event.uri]
    ).fetchone()
    row: dict[str, Any] = {"uri": event.uri, "name": event.name, "group": "asset", "extra": "{}", "is_orphaned": False}
    number = found[0] if found else tables.insert(asset, {**row, "created_at": now, "updated_at": now})
    source: dict[str, Any] = {}
    if event.source:
        task = next(reversed({**dict.fromkeys(task for task, _ in event.source.xcoms), **event.source.tasks}), None)
        task_id, index = _split(task) if task else (None, -1)
        source = {"source_dag_id": event.source.dag_id, "source_run_id": event.source.run_id}
        source |= {"source_task_id": task_id, "source_map_index": index}
    extra = to_json("asset_event: extra", dict(event.extra))
    row = {"asset_id": number, "dataset_id": number, "extra": extra, "timestamp": now}
    new = tables.insert("asset_event", {**source, **row})
    if event.triggers:
        link = sql.SQL(LINK).format(
            function=sql.Identifier(f"harness_link_{new}"),
            links=sql.Identifier(tables.name("dagrun_asset_event")),
            event=sql.Literal(new),
            dag_id=sql.Literal(event.triggers),
        )
        tables.connection.execute(link)
