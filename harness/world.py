"""The world of a scenario: clean, seeded services, and runs in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import psycopg
from minio import Minio

from harness.airflow.environment import fernet_key
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import fresh_database
from harness.airflow.run import Run
from harness.airflow.runner import Order, run_dag
from harness.airflow.runners import Execute
from harness.errors import RunOutcomeError
from harness.evidence.aws_state import AwsState
from harness.evidence.evidence import Evidence, warnings_in
from harness.evidence.objects import gather_objects
from harness.services.aws import AwsService
from harness.services.outside import mark_what_is_made
from harness.services.stack import Stack
from harness.settings import Settings


@dataclass(repr=False)  # its repr would fill the head of every traceback
class World:
    """What a scenario holds in its hands.

    Each call of run() adds to `attempts` (DAG and date), and to `runs` what came of it, unless it was refused.
    """

    settings: Settings
    stack: Stack
    airflow: AirflowEnvironment
    execute: Execute
    connections: Mapping[str, str]
    environment: Mapping[str, str]
    folder: Path
    runs: list[tuple[Run, Evidence]] = field(default_factory=list)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    graph: bool = False
    """Whether runs are to have their DAG's graph at any price: see runner.Order."""
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
        """Runs `airflow dags test DAG DATE` and gathers what it left.

        `connections` and `environment` add to, or replace, what the project's fixtures declare. Raises
        RunOutcomeError where the run does not end as expected, HarnessError where it could not be made.
        """
        __tracebackhide__ = True  # a scenario's failure is its own line and the reason, not the harness's inside
        self.attempts.append((dag_id, date))
        home = self.folder / f"run-{len(self.attempts)}"
        home.mkdir(parents=True)
        mark_what_is_made(home, self.stack.stack_id, self.stack.relay.docker_host)
        order = Order(
            airflow=self.airflow,
            dag_id=dag_id,
            date=date,
            dags_folder=self.settings.dags_folder,
            home=home,
            connections={**self.connections, **(connections or {})},
            extra={
                "AWS_DEFAULT_REGION": self.settings.region,
                **self.environment,
                **self._fernet_key,
                **(environment or {}),
            },
            conf=conf,
            timeout=self.settings.run_timeout,
            metadata_url=self._metadata_url,
            graph=self.graph,
        )
        run = run_dag(order, self.stack.postgres, self.execute)
        objects, aws = gather_objects(self.stack.minio.client()), AwsState.of(self.stack.aws.state())
        seen = self.stack.relay.seen(f"{run.log}\n{run.xcoms}")  # last: the engine may tell of a start a little late
        evidence = Evidence(
            objects=objects,
            aws=aws,
            sidecars=seen.sidecars,
            warnings=warnings_in(run.log, home),
            unproved=seen.unproved,
        )
        self.runs.append((run, evidence))
        if expect == "success" and not run.succeeded:
            why = "; ".join((str(run.failure), *evidence.aws.hints()))
            raise RunOutcomeError(self.stack.mask(f"{dag_id} for {date}: {why}"))
        if expect == "failure" and run.succeeded:
            raise RunOutcomeError(f"{dag_id} for {date} succeeded, although the scenario expects it to fail")
        return run

    @property
    def evidence(self) -> Evidence:
        """What the last run left."""
        return self.runs[-1][1]

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
        """The AWS twin: clients, and orders to it."""
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
