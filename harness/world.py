"""The world of a scenario: clean, seeded services, and the runs that use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import psycopg
from minio import Minio

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import fresh_database
from harness.airflow.run_environment import fernet_key, run_environment
from harness.airflow.runner import RunRequest, run_dag
from harness.airflow.runners import Execute
from harness.errors import HarnessError, RunOutcomeError, WorldEndedError
from harness.evidence.aws_state import AwsState
from harness.evidence.evidence import Evidence, find_warnings
from harness.evidence.objects import gather_objects
from harness.evidence.tables import gather_tables, read_rows
from harness.explain import explain
from harness.run import Run
from harness.services.aws import AwsService
from harness.services.stack import Stack
from harness.settings import Settings


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
    graph: bool = False
    """Whether runs have their DAG's graph, even if this costs a start of Airflow: see runner.RunRequest."""
    lease: Lease = field(default_factory=Lease)
    """Ended if another world was opened: then runs and evidence stay readable, and methods that use services raise."""
    _metadata_url: str | None = None
    _fernet_key: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        dag_id: str,
        date: str,
        *,
        expect: Literal["success", "failure"] = "success",
        connections: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> Run:
        """Run `airflow dags test DAG DATE` and return the run with its evidence.

        `connections` and `environment` extend or replace the declarations of the project's fixtures. Raises
        RunOutcomeError if the run does not end as expected, HarnessError if the run could not be executed.
        """
        __tracebackhide__ = True  # a traceback ends at the scenario's own line
        self.lease.check()
        number = len(self.runs)
        self.runs.append(Run(dag_id, date, refused="interrupted"))
        home = self.folder / f"run-{number + 1}"
        try:
            self.runs[number] = run = self._execute_run(
                dag_id, date, home, {**self.connections, **(connections or {})}, environment or {}, conf
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
    ) -> Run:
        """Run the DAG with a clean or shared database, explain a failure, gather evidence."""
        home.mkdir(parents=True)
        extra = {"AWS_DEFAULT_REGION": self.settings.region, **self.environment, **self._fernet_key, **environment}
        dags_folder, shared = self.settings.dags_folder, self._metadata_url
        with nullcontext(shared) if shared else fresh_database(self.airflow, self.stack.postgres) as url:
            request = RunRequest(
                airflow=self.airflow,
                dag_id=dag_id,
                date=date,
                dags_folder=dags_folder,
                home=home,
                env=run_environment(self.airflow.python, home, dags_folder, url, connections, extra),
                metadata_url=url,
                timeout=self.settings.run_timeout,
                conf=conf,
                graph=self.graph,
            )
            facts = run_dag(request, self.execute)
            failure = explain(facts, request, self.execute)
        objects, aws = gather_objects(self.stack.minio.client()), AwsState.from_document(self.stack.aws.state())
        seen = self.stack.relay.list_containers()  # last, because the engine reports a start with a delay
        evidence = Evidence(
            objects=objects,
            aws=aws,
            sidecars=seen.sidecars,
            warnings=find_warnings(facts.log, home),
            containers_past_relay=seen.past_relay,
            tables=gather_tables(self.stack.postgres, self.settings.watch),
        )
        return Run(**{**vars(facts), "failure": failure}, evidence=evidence)

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
            fresh_database(self.airflow, self.stack.postgres) as url,
            psycopg.connect(url, autocommit=True) as connection,
        ):
            self._metadata_url, self._fernet_key = url, {"AIRFLOW__CORE__FERNET_KEY": fernet_key()}
            try:
                yield connection
            finally:
                self._metadata_url, self._fernet_key = None, {}

    @property
    def aws(self) -> AwsService:
        """The AWS mock: its boto3 clients, and the configuration of its jobs and endpoints."""
        self.lease.check()
        return self.stack.aws

    def keys(self, bucket: str) -> list[str]:
        """Return the keys in the bucket after the last run, sorted."""
        return sorted(self.evidence.objects[bucket])

    def read(self, bucket: str, key: str) -> bytes:
        """Return the current content of one object."""
        response = self.s3().get_object(bucket, key)
        try:
            return bytes(response.read())
        finally:
            response.close()
            response.release_conn()

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Seed an object in MinIO."""
        self.s3().put_object(bucket, key, BytesIO(content), len(content))

    def s3(self) -> Minio:
        """Return a client of MinIO."""
        self.lease.check()
        return self.stack.minio.client()

    def rows(self, database: str, table: str) -> list[dict[str, Any]]:
        """Return the current rows of one table of a project's database, each as a dict by column name.

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
