"""The stack: the services of one worker slot, in containers, new or reused."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import docker
from testcontainers.core.network import Network

from harness.engine import LABEL_EXTRA, LABEL_STACK, connect, engine_errors
from harness.errors import EngineError, HarnessError, SettingsError
from harness.images.on_demand import StackImages, obtain_images
from harness.progress import Progress
from harness.services.aws import AwsContainer, AwsService
from harness.services.cleanup import remove_labelled
from harness.services.containers import StackContext, list_labelled, role_of
from harness.services.minio import MinioContainer, MinioService
from harness.services.postgres import PostgresService
from harness.services.postgres_server import ContainerServer, PostgresServer, ensure_server
from harness.services.relay import RelayService
from harness.services.service import Service
from harness.services.session import ServiceSession
from harness.settings import Settings, StackKind
from harness.shown_text import hide_secrets, shown_text

THREADS = 8
"""At least one for each job of a start, because some jobs wait for others."""
SERVICE_IMAGES = ("reaper", "minio", "postgres", "aws", "relay", "python")


@dataclass(frozen=True)
class Stack:
    """Running services. `images` has the images by name, `seconds` each service's start.

    An embedded stack has no relay that a DAG could use, no network and no images. `remarks` are sentences for the
    report.
    """

    kind: StackKind
    session_id: str
    stack_id: str
    network: str
    minio: MinioService
    postgres: PostgresService
    aws: AwsService
    relay: RelayService
    images: StackImages
    seconds: Mapping[str, float]
    remarks: tuple[str, ...] = ()
    passed_secrets: list[str] = field(default_factory=list)
    """Secrets of this machine that runs see, by the setting `pass_environment`."""

    @property
    def services(self) -> tuple[Service, ...]:
        return (self.minio, self.postgres, self.aws, self.relay)

    def reset(self) -> None:
        """Reset all services to the state that a scenario expects, in parallel.

        Afterwards the services' logs start with the scenario.
        """
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda service: service.reset(), self.services))
        for service in self.services:
            service.mark_log()

    def mask(self, text: str) -> str:
        """Return `text` as it may be shown, with the secrets of this stack replaced by `***`."""
        return shown_text(text, self._secrets())

    def hide(self, text: str) -> str:
        """Return `text` with the secrets of this stack replaced by `***`, and no other change."""
        return hide_secrets(text, self._secrets())

    def _secrets(self) -> list[str]:
        return [*self.passed_secrets, *(secret for service in self.services for secret in service.secrets())]


@contextmanager
def stack_in_session(
    session: ServiceSession,
    settings: Settings,
    databases: Mapping[str, str],
    progress: Progress,
    side_by_side: bool = True,
) -> Iterator[Stack]:
    """Claim a worker slot and yield its stack, a new one unless the old one fits.

    The stack stays until the session is removed. `databases` maps each Postgres database to the SQL of its schema.
    Without `side_by_side`, services start one after another, for comparison.
    Raises SettingsError, EngineError, ImageError, ServiceError.
    """
    if undeclared := settings.postgres_passwords.keys() - databases.keys():
        raise SettingsError(
            f"postgres_passwords names {', '.join(sorted(undeclared))}, but the project declares the databases "
            f"{', '.join(sorted(databases)) or '(none)'}: declare the database, or remove the password"
        )
    client = connect()
    images = obtain_images(client, settings, SERVICE_IMAGES, progress)
    with session.claim_slot() as slot:
        session.connect_reaper(client, images["reaper"].reference, settings.start_timeout)
        plan = _Plan(client, session, slot, settings, databases, images)
        stack = plan.attach() or plan.create(side_by_side)
        try:
            yield stack
        finally:
            stack.postgres.close()


class _Plan:
    """The inputs of the stack of one slot, and the two ways to get the stack."""

    def __init__(
        self,
        client: docker.DockerClient,
        session: ServiceSession,
        slot: int,
        settings: Settings,
        databases: Mapping[str, str],
        images: StackImages,
    ) -> None:
        self.client, self.session, self.slot = client, session, slot
        self.settings, self.databases, self.images = settings, databases, images
        self.stack_id = f"{session.ident}-{slot}"
        self.state_name = f"stack-{slot}"
        # The engine publishes a container's ports through the network whose name sorts first. Postgres joins every
        # worker's network, so those names must sort after `bridge`: else its ports would change.
        self.network_name = f"scenarios-{self.stack_id}"

    def attach(self) -> Stack | None:
        """Return the reset stack of the slot's last process, or None if it can't be reused."""
        state = self.session.read_state(self.state_name)
        if state is None or state.get("fits") != self._fingerprint():
            return None
        containers = {role_of(c): c for c in list_labelled(self.client, {LABEL_STACK: self.stack_id})}
        states = state["services"]
        # Containers of a scenario whose process was killed.
        remove_labelled(self.client, {LABEL_STACK: self.stack_id, LABEL_EXTRA: "yes"})
        with ThreadPoolExecutor() as pool:
            services = self._create_services(pool.submit(self._ensure_server, lambda _: None).result, refuse_network)
            jobs = {s.name: pool.submit(measure, partial(s.attach, containers, states[s.name])) for s in services}
            wait(jobs.values())
        failures = [error for job in jobs.values() if (error := job.exception())]
        for failure in failures:
            if isinstance(failure, EngineError):
                raise failure
        # Otherwise create a new stack.
        return None if failures else self._describe(services, {name: jobs[name].result() for name in jobs})

    def create(self, side_by_side: bool) -> Stack:
        """Return a new stack, after removing the previous one of the slot."""
        self.session.drop_state(self.state_name)
        remove_labelled(self.client, {LABEL_STACK: self.stack_id})
        pool = ThreadPoolExecutor(max_workers=THREADS if side_by_side else 1)
        jobs: dict[str, Future[Any]] = {}
        with self.session.mark_under_way():
            try:
                network = jobs["network"] = pool.submit(self._create_network)
                server = jobs["server"] = pool.submit(
                    self._ensure_server, lambda server: self._join(server, network.result())
                )
                services = self._create_services(server.result, network.result)
                for service in services:
                    jobs[service.name] = pool.submit(measure, service.start)
                pool.shutdown(wait=False)
                await_all(jobs)
            except BaseException:
                pool.shutdown(wait=False)  # A thread whose start was interrupted would not end otherwise.
                # The server belongs to the session, and the start of PostgresService creates no container.
                self._remove_partial([jobs[name] for name in jobs if name not in ("server", "postgres")])
                raise
        seconds = {service.name: jobs[service.name].result() for service in services}
        stack = self._describe(services, seconds)
        self.session.write_state(
            self.state_name,
            {"fits": self._fingerprint(), "services": {service.name: service.export_state() for service in services}},
        )
        return stack

    def _create_services(
        self, server: Callable[[], PostgresServer], network: Callable[[], Network]
    ) -> tuple[MinioService, PostgresService, AwsService, RelayService]:
        context = StackContext(
            self.client, self.session.ident, self.stack_id, self.settings.start_timeout, self.network_name, network
        )
        image = self.images.references
        aliases = {name: self.settings.aliases.get(name, ()) for name in ("minio", "aws", "relay")}
        settings, passwords = self.settings, self.settings.postgres_passwords
        return (
            MinioContainer(image["minio"], context, aliases["minio"], settings),
            PostgresService(server, self.databases, self.slot, passwords),
            AwsContainer(image["aws"], context, aliases["aws"], settings),
            RelayService(image["relay"], image["python"], context, aliases["relay"], settings.relay_port),
        )

    def _describe(
        self, services: tuple[MinioService, PostgresService, AwsService, RelayService], seconds: Mapping[str, float]
    ) -> Stack:
        return Stack(
            "containers", self.session.ident, self.stack_id, self.network_name, *services, self.images, seconds
        )

    def _ensure_server(self, on_created: Callable[[ContainerServer], object]) -> PostgresServer:
        image = self.images["postgres"].reference
        timeout, port = self.settings.start_timeout, self.settings.postgres_port
        return ensure_server(self.session, self.slot, self.client, image, timeout, port, on_created)

    def _join(self, server: ContainerServer, network: Network) -> None:
        server.join(network, ("postgres", *self.settings.aliases.get("postgres", ())))

    def _create_network(self) -> Network:
        network = Network(docker_network_kw={"labels": {**self.session.labels, LABEL_STACK: self.stack_id}})
        network.name = self.network_name
        with engine_errors("creating the stack's network"):
            return network.create()

    def _fingerprint(self) -> str:
        """Return a hash of everything except images that must match to reuse a stack."""
        settings = self.settings
        parts = (dict(settings.aliases), dict(self.databases), settings.fixed, hash_service_sources())
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _remove_partial(self, starting: list[Future[Any]]) -> None:
        """Remove a stack whose start failed. The end of the session removes what remains.

        Errors are suppressed, because the error of the start matters more. The usual one is a volume in use by a
        container that the engine is still creating.
        """
        while True:
            finished = not wait(starting, timeout=0.1).not_done
            with suppress(HarnessError):
                remove_labelled(self.client, {LABEL_STACK: self.stack_id})
            # A running start may have created another container. It fails soon, because its first one is gone.
            if finished:
                return


def refuse_network() -> Network:
    raise AssertionError("an attached stack joins no network")


def hash_service_sources() -> str:
    """Return a hash of this package, so that changed code gets new containers."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def measure(job: Callable[[], None]) -> float:
    began = time.monotonic()
    job()
    return time.monotonic() - began


def await_all(jobs: Mapping[str, Future[Any]]) -> None:
    """Wait for all jobs, then raise the first failure, preferring a HarnessError."""
    wait(jobs.values())
    failures = [error for job in jobs.values() if (error := job.exception())]
    for failure in failures:
        # Its message explains more than that of a service that merely lost its engine.
        if isinstance(failure, HarnessError):
            raise failure
    if failures:
        raise failures[0]
