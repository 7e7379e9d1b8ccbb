"""The JSON documents that `--harness-evidence DIR` writes: schema 4.

`harness compare` reads these documents. A folder of evidence has one `session.json`, one `dags-folder.json` and a file
for each scenario. Times are ISO 8601 in UTC, sizes are bytes, texts are masked. harness/evidence/normalise.py removes
what differs in every run.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = 4
"""Increases when a field changes its meaning or is removed. Documents of other schemas are refused."""
SESSION_FILE, FOLDER_FILE = "session.json", "dags-folder.json"

Json = Any
"""A JSON value."""
Outcome = Literal["passed", "failed", "not run"]


class Document(BaseModel):
    """Plain data, which refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ImageVersion(Document):
    """An image: its reference, the version of its software, and the digest of its content.

    `digest` is the engine's digest or id.
    """

    reference: str
    version: str
    digest: str | None = None


class Versions(Document):
    """What a side consists of. Empty texts: not known.

    `packages`: all of the Airflow environment, by normalised name. `servers`: versions that the servers themselves
    give, by service.
    """

    harness: str
    python: str = ""
    airflow: str = ""
    packages: dict[str, str] = Field(default_factory=dict)
    images: dict[str, ImageVersion] = Field(default_factory=dict)
    servers: dict[str, str] = Field(default_factory=dict)


class Interval(Document):
    """A run in a schedule: its logical date, and the start and end of its data interval."""

    logical_date: str | None
    start: str | None
    end: str | None


class Schedule(Document):
    """The schedule projection of a DAG: what a scheduler does from `anchor` on.

    It is computed from `anchor`, never from now. `timetable` is the name of its class, `expression` the cron expression
    or delta. `next` has the first five runs from `anchor` on. `unreadable`: why there is no projection.
    """

    timetable: str
    expression: str = ""
    catchup: bool | None = None
    anchor: str = ""
    next: tuple[Interval, ...] = ()
    unreadable: str | None = None


class TaskDocument(Document):
    """A task instance. `rendered` has its template fields, as Airflow stores them.

    `exception`: the class and message that ended the newest attempt of a failed task, as in the log, without traceback.
    """

    state: str | None
    tries: int
    operator: str | None = None
    rendered: dict[str, Json] = Field(default_factory=dict)
    exception: str | None = None


class TabularSummary(Document):
    """The content of a CSV, JSON, JSON lines or Parquet object as a table.

    `columns`: name -> type (`integer`, `number`, `boolean`, `text`, `null`, `mixed`, `object`) of the first 100,000
    rows. `row_digests`: a digest of each of these rows, in order.
    """

    format: Literal["csv", "json", "json lines", "parquet"]
    columns: dict[str, str]
    rows: int
    row_digests: tuple[str, ...] = ()


class ObjectDocument(Document):
    """An object in a bucket.

    An object of at most 1 MiB has its content: as `text`, or as `base64` if it is no text.
    """

    size: int
    sha256: str
    content_type: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    text: str | None = None
    base64: str | None = None
    table: TabularSummary | None = None


class AwsCall(Document):
    """A call of the AWS mock."""

    service: str
    action: str
    status: int
    parameters: Json = None
    error: Json = None


class AwsDocument(Document):
    """The AWS mock after the run.

    `resources`: `service/kind` -> name -> description, without times.
    """

    objects: dict[str, dict[str, ObjectDocument]] = Field(default_factory=dict)
    resources: dict[str, dict[str, Json]] = Field(default_factory=dict)
    logs: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    calls: tuple[AwsCall, ...] = ()


class TableDocument(Document):
    """A watched table: see harness.evidence.tables.TableRows."""

    rows: tuple[dict[str, Json], ...] = ()
    total: int = 0
    truncated: bool = False
    rest_digest: str | None = None
    unreadable: str | None = None


class SidecarDocument(Document):
    """A container that the DAG started through the relay."""

    image: str
    exit_code: int | None
    output: str


class WarningDocument(Document):
    """A warning of the run's log.

    `category`: the warning's class, or `warning` for a log line of that level. `file` is relative to the dags folder or
    to `site-packages`.
    """

    text: str
    category: str = "warning"
    file: str | None = None
    line: int | None = None


class CappedWaitDocument(Document):
    """A wait that `waits = "short"` capped."""

    task: str
    argument: str
    declared: float | None
    used: float


class RunDocument(Document):
    """One run of a DAG.

    `refused`: why there is no result; all fields but DAG and date are then empty. `interval` is that of this run,
    `schedule` the DAG's projection from this run's date. `order` has the tasks in the order of their starts, which is
    not judged.
    """

    dag_id: str
    date: str
    refused: str | None = None
    state: str | None = None
    exit_code: int | None = None
    failure: str | None = None
    run_type: str | None = None
    interval: Interval | None = None
    schedule: Schedule | None = None
    tasks: dict[str, TaskDocument] = Field(default_factory=dict)
    order: tuple[str, ...] = ()
    xcoms: dict[str, dict[str, Json]] = Field(default_factory=dict)
    objects: dict[str, dict[str, ObjectDocument]] = Field(default_factory=dict)
    aws: AwsDocument = Field(default_factory=AwsDocument)
    tables: dict[str, TableDocument] = Field(default_factory=dict)
    sidecars: tuple[SidecarDocument, ...] = ()
    warnings: tuple[WarningDocument, ...] = ()
    containers_past_relay: tuple[str, ...] = ()
    capped_waits: tuple[CappedWaitDocument, ...] = ()


class ScenarioDocument(Document):
    """A scenario's evidence.

    `failure` is its failed check or error, `reason` why it was not run. `incomplete`: what is missing, and why; empty
    if the evidence is complete.
    """

    schema_version: Literal[4] = SCHEMA_VERSION
    kind: Literal["scenario"] = "scenario"
    scenario: str
    outcome: Outcome
    failure: str | None = None
    reason: str | None = None
    versions: Versions
    incomplete: tuple[str, ...] = ()
    runs: tuple[RunDocument, ...] = ()


class FolderDocument(Document):
    """The dags folder.

    `import_errors`: file, relative to the folder -> error. `tasks`: DAG id -> its task ids. `files`: DAG id -> file,
    relative to the folder. `warnings`: Python's warnings while the files are imported. `schedules` are projections from
    a fixed date, the same in every folder of evidence.
    """

    schema_version: Literal[4] = SCHEMA_VERSION
    kind: Literal["dags folder"] = "dags folder"
    schedules: dict[str, Schedule]
    warnings: tuple[WarningDocument, ...] = ()
    tasks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    import_errors: dict[str, str] = Field(default_factory=dict)
    incomplete: tuple[str, ...] = ()


class Shard(Document):
    """The part of the scenarios that one machine runs.

    Parts are counted from 1 (pytest-split's --group and --splits).
    """

    number: int = Field(ge=1)
    total: int = Field(ge=1)


class SessionDocument(Document):
    """A pytest session.

    `scenarios` has the node ids of the scenarios that the session collected, in order of their names.
    """

    schema_version: Literal[4] = SCHEMA_VERSION
    kind: Literal["session"] = "session"
    scenarios: tuple[str, ...]
    shard: Shard | None = None
    versions: Versions
    incomplete: tuple[str, ...] = ()
