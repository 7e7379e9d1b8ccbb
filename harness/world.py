"""The world of a scenario: clean, seeded services, and the runs that use them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import psycopg
from minio import Minio

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.follow_log import follow_log
from harness.airflow.history import (
    AssetEvent,
    EarlierRun,
    RunState,
    TaskState,
    check_earlier_run,
    to_json,
    to_moment,
    write_history,
)
from harness.airflow.layout import find_layout, list_variables
from harness.airflow.metadata import fresh_database
from harness.airflow.preflight import check_timeout, format_date
from harness.airflow.run_environment import fernet_key, run_environment
from harness.airflow.runner import RunRequest, read_run_texts, run_dag
from harness.airflow.runners import Execute
from harness.airflow.waits import shorten_waits
from harness.declarations import check_environment
from harness.errors import HarnessError, RunOutcomeError, WorldEndedError
from harness.evidence.aws_state import AwsState
from harness.evidence.capped_waits import read_capped_waits
from harness.evidence.evidence import Evidence, find_warnings
from harness.evidence.objects import gather_objects, read_object
from harness.evidence.tables import gather_tables, read_rows
from harness.explain import explain
from harness.record.write import record_run
from harness.run import Run
from harness.services.aws import AwsService
from harness.services.stack import Stack
from harness.settings import Settings, Waits


@dataclass
class Lease:
    """A world's use of the stack, shared by copies of the world.

    `owner` names the world in errors; `ended` says in one line why the services no longer belong to the world.
    """

    owner: str = "the world"
    ended: str | None = None

    def end(self, how: str, advice: str) -> None:
        self.ended = f"{self.owner} ended {how}: read its runs' evidence, or {advice}"

    def check(self) -> None:
        """Raise WorldEndedError if the world has ended."""
        if self.ended:
            raise WorldEndedError(self.ended)


@dataclass(repr=False)  # its repr would fill the head of every traceback
class World:
    """The fixture of a scenario: clean services, and run() to run a DAG with them.

    `runs` has every attempt in order. An attempt that was refused or interrupted has the reason in `refused`.
    """

    settings: Settings
    stack: Stack
    airflow: AirflowEnvironment
    execute: Execute
    connections: Mapping[str, str]
    environment: Mapping[str, str]
    folder: Path
    runs: list[Run] = field(default_factory=list)
    declared: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of Airflow's variables and settings in pyproject; `environment` wins over them."""
    graph: bool = False
    """Whether runs have their DAG's graph, even if this costs a start of Airflow: see runner.RunRequest."""
    record: bool = False
    """Whether each run leaves its document for `--harness-evidence`."""
    echo: Callable[[str], None] | None = None
    """Receives each line of a run's log as soon as the run prints it."""
    lease: Lease = field(default_factory=Lease)
    """Ended if another world was opened: then runs and evidence stay readable, and methods that use services raise."""
    keep_metadata: Path | None = None
    """Receives a dump of the metadata database after the session's first run."""
    _history: list[EarlierRun | AssetEvent] = field(default_factory=list)
    _written: int = 0
    """How many entries of the history the shared database has."""
    _metadata_url: str | None = None
    _fernet_key: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        dag_id: str,
        date: str | dt.date,
        *,
        expect: Literal["success", "failure"] = "success",
        connections: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        conf: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        waits: Waits | None = None,
    ) -> Run:
        """Run `airflow dags test DAG DATE` and return the run with its evidence.

        `date` is the logical date: a text such as `2021-01-31` or `2021-01-31T12:00:00+00:00`, a date or a datetime
        (without a time zone: UTC). `connections` and `environment` extend or replace the declarations of the project's
        fixtures. `timeout` replaces the setting `run_timeout`, in seconds, and `waits` the setting of this name. Raises
        RunOutcomeError if the run does not end as expected, HarnessError if the run could not be executed.
        """
        __tracebackhide__ = True  # a traceback ends at the scenario's own line
        self.lease.check()
        date = format_date(date)
        number = len(self.runs)
        self.runs.append(Run(dag_id, date, refused="interrupted"))
        home = self.folder / f"run-{number + 1}"
        try:
            self.runs[number] = run = self._execute_run(
                dag_id,
                date,
                home,
                {**self.connections, **(connections or {})},
                environment or {},
                conf,
                timeout,
                waits,
            )
        except HarnessError as error:
            self.runs[number] = Run(dag_id, date, refused=str(error))
            raise
        if expect == "success" and not run.succeeded:
            why = "; ".join((str(run.failure), *run.evidence.aws.hints()))
            raise RunOutcomeError(self.stack.mask(f"{dag_id} for {date}: {why}"))
        if expect == "failure" and run.succeeded:
            raise RunOutcomeError(f"{dag_id} for {date} succeeded, although the scenario expects it to fail")
        return run

    def _execute_run(
        self,
        dag_id: str,
        date: str,
        home: Path,
        connections: Mapping[str, str],
        environment: Mapping[str, str],
        conf: Mapping[str, Any] | None,
        timeout: float | None,
        waits: Waits | None,
    ) -> Run:
        """Run the DAG with a clean or shared database, explain a failure, gather evidence."""
        check_timeout(timeout)
        home.mkdir(parents=True)
        check_environment([*self.environment, *environment])
        find_layout(self.settings).link_config(home)
        capped = shorten_waits(home) if (waits or self.settings.waits) == "short" else None
        dags_folder, shared = self.settings.dags_folder, self._metadata_url
        with nullcontext(shared) if shared else self._clone_database() as url:
            request = RunRequest(
                airflow=self.airflow,
                dag_id=dag_id,
                date=date,
                dags_folder=dags_folder,
                home=home,
                env=self.build_environment(home, url, connections, environment),
                metadata_url=url,
                timeout=self.settings.run_timeout if timeout is None else timeout,
                conf=conf,
                graph=self.graph,
                earlier_runs=shared is not None or bool(self._history),
            )
            write_history(url, self._history[self._written :] if shared else self._history)
            self._written = len(self._history) if shared else 0
            self.stack.images.obtain_named(read_run_texts(request))
            with follow_log(home / "run.log", self._echo_line) if self.echo else nullcontext():
                facts = run_dag(request, self.execute)
            failure = explain(facts, request, self.execute)
        hide = self.stack.hide if self.record else None
        gathered = gather_objects(self.stack.minio.client(), self.stack.mask, hide)
        state = self.stack.aws.state(whole=self.record)
        seen = self.stack.relay.list_containers()  # last, because the engine reports a start with a delay
        evidence = Evidence(
            objects={bucket: {key: one.stored for key, one in keys.items()} for bucket, keys in gathered.items()},
            aws=AwsState.from_document(state),
            sidecars=seen.sidecars,
            warnings=find_warnings(facts.log, home),
            containers_past_relay=seen.past_relay,
            capped_waits=read_capped_waits(capped, dag_id) if capped else (),
            tables=gather_tables(self.stack.postgres, self.settings.watch),
        )
        if failure and (unobtained := self.stack.images.explain(facts.log)):
            failure = f"{failure}; {unobtained}"
        run = Run(**{**vars(facts), "failure": failure}, evidence=evidence)
        if not self.record:
            return run
        return replace(run, recorded=record_run(run, home, self.settings, self.stack, self.airflow, gathered, state))

    def build_environment(
        self,
        home: Path,
        metadata_url: str,
        connections: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return the variables of a run with this home.

        The arguments extend or replace the declarations.
        """
        extra = {
            **list_variables(self.settings),
            **self.declared,
            **self.environment,
            **self._fernet_key,
            **(environment or {}),
        }
        known = self.connections if connections is None else connections
        return run_environment(self.airflow, home, self.settings.dags_folder, metadata_url, known, extra)

    def _clone_database(self) -> AbstractContextManager[str]:
        return fresh_database(self.airflow, self.stack.postgres, self.settings.pools, self.keep_metadata)

    def _echo_line(self, line: str) -> None:
        if self.echo:
            self.echo(self.stack.mask(line))

    def earlier_run(
        self,
        dag_id: str,
        date: str | dt.date,
        *,
        state: RunState = "success",
        tasks: Mapping[str, TaskState] | None = None,
        xcoms: Mapping[tuple[str, str], Any] | None = None,
        data_interval: tuple[str | dt.date, str | dt.date] | None = None,
    ) -> EarlierRun:
        """Declare a run that every later run of this world finds in Airflow's metadata database.

        The run is a scheduled one, and its DAG needs no file. `tasks` maps a task id (mapped tasks: `task[0]`) to a
        state; `xcoms` maps a task id and a key to a JSON value, as `Run.xcoms` does. A task with an XCom has succeeded
        if `tasks` does not have it. The default of `data_interval` starts and ends at `date`. Raises RunRefusedError.
        """
        interval = (to_moment(data_interval[0]), to_moment(data_interval[1])) if data_interval else None
        run = EarlierRun(dag_id, to_moment(date), state, tasks or {}, xcoms or {}, interval)
        check_earlier_run(run)
        self._history.append(run)
        return run

    def asset_event(
        self,
        uri: str,
        *,
        name: str | None = None,
        extra: Mapping[str, Any] | None = None,
        source: EarlierRun | None = None,
        triggers: str | None = None,
    ) -> None:
        """Declare an update of an asset (2.x: dataset) that every later run of this world finds.

        `uri` and `name` are those of the asset; an asset that has only one of them has the other one equal. `extra`
        holds JSON values. `source` is the earlier run whose last task updated the asset. `triggers` is the DAG whose
        next run the event has triggered: the run's `triggering_asset_events` has it. Raises RunRefusedError.
        """
        to_json("asset_event: extra", extra)
        self._history.append(AssetEvent(uri, name or uri, extra or {}, source, triggers))

    @property
    def evidence(self) -> Evidence:
        """The evidence of the last completed run. Raises LookupError before the first one."""
        completed = [run for run in self.runs if run.refused is None]
        if not completed:
            raise LookupError("no run was completed yet: call world.run() first")
        return completed[-1].evidence

    @contextmanager
    def metadata(self) -> Iterator[psycopg.Connection]:
        """Share one metadata database between the runs in this context, as in a deployed Airflow.

        Yields a connection to the database, in autocommit mode.
        """
        self.lease.check()
        with (
            self._clone_database() as url,
            psycopg.connect(url, autocommit=True) as connection,
        ):
            self._metadata_url, self._fernet_key = url, {"AIRFLOW__CORE__FERNET_KEY": fernet_key()}
            try:
                yield connection
            finally:
                self._metadata_url, self._fernet_key, self._written = None, {}, 0

    @property
    def aws(self) -> AwsService:
        """The AWS mock: its boto3 clients, and the configuration of its jobs and endpoints."""
        self.lease.check()
        return self.stack.aws

    def keys(self, bucket: str) -> list[str]:
        """Return the keys in the bucket after the last run, sorted."""
        return sorted(self.evidence.objects[bucket])

    def read(self, bucket: str, key: str) -> bytes:
        """Return the current content of one object.

        Raises MissingObjectError, with the nearest names first.
        """
        __tracebackhide__ = True
        return read_object(self.s3(), bucket, key)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Seed an object in MinIO."""
        self.s3().put_object(bucket, key, BytesIO(content), len(content))

    def s3(self) -> Minio:
        """Return a client of MinIO."""
        self.lease.check()
        return self.stack.minio.client()

    def rows(self, database: str, table: str) -> list[dict[str, Any]]:
        """Return the current rows of a table of a project's database, as dicts by column name.

        `table` is in the schema public, or `SCHEMA.TABLE`. Values have the types of psycopg, such as Decimal and date.
        Rows are sorted by their columns from left to right. Raises MissingTableError, with the nearest names first.
        """
        __tracebackhide__ = True
        self.lease.check()
        return read_rows(self.stack.postgres, database, table)

    def sql(self, database: str) -> psycopg.Connection:
        """Connect to one of the project's databases, in autocommit mode."""
        self.lease.check()
        return self.stack.postgres.connect(database)
