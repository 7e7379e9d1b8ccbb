"""The world of a scenario: clean, seeded services, and runs in them."""

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
from harness.errors import HarnessError, RunOutcomeError
from harness.evidence.aws_state import AwsState
from harness.evidence.evidence import Evidence, warnings_in
from harness.evidence.objects import gather_objects
from harness.explain import explain
from harness.run import Run
from harness.services.aws import AwsService
from harness.services.stack import Stack
from harness.settings import Settings


@dataclass(repr=False)  # its repr would fill the head of every traceback
class World:
    """What a scenario holds in its hands: clean services, and run() to run a DAG in them.

    `runs` has every attempt in order. One that was refused, or broke off, says why in `refused`.
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
    """Whether runs are to have their DAG's graph at any price: see runner.RunRequest."""
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

        `connections` and `environment` add to, or replace, what the project's fixtures declare. Raises
        RunOutcomeError if the run does not end as expected, HarnessError if it could not be made.
        """
        __tracebackhide__ = True  # a scenario's failure is its own line and the reason, not the harness's inside
        number = len(self.runs)
        self.runs.append(Run(dag_id, date, refused="it was broken off"))
        home = self.folder / f"run-{number + 1}"
        try:
            self.runs[number] = run = self._make_run(
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

    def _make_run(
        self,
        dag_id: str,
        date: str,
        home: Path,
        connections: Mapping[str, str],
        environment: Mapping[str, str],
        conf: Mapping[str, Any] | None,
    ) -> Run:
        """Run the DAG in a clean metadata database, or that of metadata(), explain its failure, gather evidence."""
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
        objects, aws = gather_objects(self.stack.minio.client()), AwsState.of(self.stack.aws.state())
        seen = self.stack.relay.seen()  # last: the engine reports a start a little late
        evidence = Evidence(
            objects=objects,
            aws=aws,
            sidecars=seen.sidecars,
            warnings=warnings_in(facts.log, home),
            containers_past_relay=seen.past_relay,
        )
        return Run(**{**vars(facts), "failure": failure}, evidence=evidence)

    @property
    def evidence(self) -> Evidence:
        """The evidence of the last run that was made. Raises LookupError if there is none yet."""
        made = [run for run in self.runs if run.refused is None]
        if not made:
            raise LookupError("no run was made yet: call world.run() first")
        return made[-1].evidence

    @contextmanager
    def metadata(self) -> Iterator[psycopg.Connection]:
        """Runs made inside share one metadata database, as those of an Airflow do; it is yielded to look in."""
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
        """The AWS mock: boto3 clients, and the configuration of jobs and endpoints."""
        return self.stack.aws

    def keys(self, bucket: str) -> list[str]:
        """The keys in the bucket after the last run, sorted."""
        return sorted(self.evidence.objects[bucket])

    def read(self, bucket: str, key: str) -> bytes:
        """The content of one object, now."""
        answer = self.s3().get_object(bucket, key)
        try:
            return bytes(answer.read())
        finally:
            answer.close()
            answer.release_conn()

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Seeds an object in MinIO."""
        self.s3().put_object(bucket, key, BytesIO(content), len(content))

    def s3(self) -> Minio:
        """A client of MinIO, to seed objects."""
        return self.stack.minio.client()

    def sql(self, database: str) -> psycopg.Connection:
        """A connection to one of the project's databases, in autocommit mode."""
        return self.stack.postgres.connect(database)
