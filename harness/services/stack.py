"""The stack: the services of one slot of a session; in containers, started side by side or taken over as they are."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
from testcontainers.core.network import Network

from harness.engine import LABEL_EXTRA, LABEL_STACK, connect, engine_errors
from harness.errors import EngineError, HarnessError, SettingsError
from harness.images.resolve import ResolvedImage, resolve_image
from harness.progress import Progress
from harness.services.aws import AwsContainer, AwsService
from harness.services.cleanup import remove_labelled
from harness.services.containers import StackContext, labelled, role_of
from harness.services.minio import MinioContainer, MinioService
from harness.services.postgres import PostgresService
from harness.services.postgres_server import ContainerServer, PostgresServer, running_server
from harness.services.relay import RelayService
from harness.services.service import Service
from harness.services.session import ServiceSession
from harness.settings import Settings, StackKind

THREADS = 8
"""No fewer than things to start: some only wait for others."""
SERVICE_IMAGES = ("reaper", "minio", "postgres", "aws", "relay", "python")


@dataclass(frozen=True)
class Stack:
    """Services that are up. `images` has every image of the catalogue that was obtained; `seconds` each start.

    One of kind `embedded` has no relay that a DAG could use, no network and no images. `remarks` are for whoever reads
    what its scenarios found.
    """

    kind: StackKind
    session_id: str
    stack_id: str
    network: str
    minio: MinioService
    postgres: PostgresService
    aws: AwsService
    relay: RelayService
    images: Mapping[str, ResolvedImage]
    seconds: Mapping[str, float]
    remarks: tuple[str, ...] = ()

    @property
    def services(self) -> tuple[Service, ...]:
        return (self.minio, self.postgres, self.aws, self.relay)

    def reset(self) -> None:
        """Every service as a scenario expects it, side by side."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda service: service.reset(), self.services))

    def mask(self, text: str) -> str:
        """`text` without the secrets of this stack."""
        for service in self.services:
            for secret in service.secrets():
                text = text.replace(secret, "***")
        return text


@contextmanager
def stack_in_session(
    session: ServiceSession,
    settings: Settings,
    databases: Mapping[str, str],
    progress: Progress,
    side_by_side: bool = True,
) -> Iterator[Stack]:
    """Claims a slot of the session and yields its Stack: the one that is there, if it fits, else a new one.

    It is left to the session, which is removed as a whole. `databases` maps each Postgres database to the SQL of its
    schema. With `side_by_side` off one thing is started after another, for comparison.
    Raises SettingsError, EngineError, ImageError, ServiceError.
    """
    if undeclared := settings.postgres_passwords.keys() - databases.keys():
        raise SettingsError(
            f"postgres_passwords has one for {', '.join(sorted(undeclared))}, but the project declares the databases "
            f"{', '.join(sorted(databases)) or '(none)'}: declare it, or leave the password out"
        )
    client = connect()
    images = {name: resolve_image(client, settings, name, progress) for name in (*SERVICE_IMAGES, *settings.images)}
    with session.slot() as slot:
        session.watch(client, images["reaper"].reference, settings.start_timeout)
        plan = _Plan(client, session, slot, settings, databases, images)
        stack = plan.attached() or plan.made(side_by_side)
        try:
            yield stack
        finally:
            stack.postgres.close()


class _Plan:
    """How the stack of one slot comes to be."""

    def __init__(
        self,
        client: docker.DockerClient,
        session: ServiceSession,
        slot: int,
        settings: Settings,
        databases: Mapping[str, str],
        images: Mapping[str, ResolvedImage],
    ) -> None:
        self.client, self.session, self.slot = client, session, slot
        self.settings, self.databases, self.images = settings, databases, images
        self.stack_id = f"{session.ident}-{slot}"
        self.note_name = f"stack-{slot}"
        # The engine publishes a container's ports by that of its networks whose name comes first. Postgres, which joins
        # every worker's network, has to stay with `bridge`: else its ports would change under the other workers.
        self.network_name = f"scenarios-{self.stack_id}"

    def attached(self) -> Stack | None:
        """The stack that the slot's last process left, ready and clean; None where there is none that will do."""
        note = self.session.note(self.note_name)
        if note is None or note.get("fits") != self._fingerprint():
            return None
        containers = {role_of(c): c for c in labelled(self.client, {LABEL_STACK: self.stack_id})}
        kept = note["services"]
        # What a scenario had beside the stack when its process was killed.
        remove_labelled(self.client, {LABEL_STACK: self.stack_id, LABEL_EXTRA: "yes"})
        with ThreadPoolExecutor() as pool:
            services = self._services(pool.submit(self._server, lambda _: None).result, no_network)
            jobs = {s.name: pool.submit(timed, partial(s.attach, containers, kept[s.name])) for s in services}
            wait(jobs.values())
        failures = [error for job in jobs.values() if (error := job.exception())]
        for failure in failures:
            if isinstance(failure, EngineError):
                raise failure
        # Whatever else it is that does not do any more, a new one will.
        return None if failures else self._stack(services, {name: jobs[name].result() for name in jobs})

    def made(self, side_by_side: bool) -> Stack:
        """A new stack, in place of what there may be."""
        self.session.drop_note(self.note_name)
        remove_labelled(self.client, {LABEL_STACK: self.stack_id})
        pool = ThreadPoolExecutor(max_workers=THREADS if side_by_side else 1)
        jobs: dict[str, Future[Any]] = {}
        with self.session.under_way():
            try:
                network = jobs["network"] = pool.submit(self._network)
                server = jobs["server"] = pool.submit(self._server, lambda server: self._join(server, network.result()))
                services = self._services(server.result, network.result)
                for service in services:
                    jobs[service.name] = pool.submit(timed, service.start)
                pool.shutdown(wait=False)
                await_all(jobs)
            except BaseException:
                # The server is the session's, and what Postgres's start does makes nothing on the engine.
                self._dismantle([jobs[name] for name in jobs if name not in ("server", "postgres")])
                raise
        seconds = {service.name: jobs[service.name].result() for service in services}
        stack = self._stack(services, seconds)
        self.session.write_note(
            self.note_name,
            {
                "fits": self._fingerprint(),
                "services": {service.name: service.note() for service in services},
            },
        )
        return stack

    def _services(
        self, server: Callable[[], PostgresServer], network: Callable[[], Network]
    ) -> tuple[MinioService, PostgresService, AwsService, RelayService]:
        context = StackContext(
            self.client, self.session.ident, self.stack_id, self.settings.start_timeout, self.network_name, network
        )
        image = {name: obtained.reference for name, obtained in self.images.items()}
        aliases = {name: self.settings.aliases.get(name, ()) for name in ("minio", "aws", "relay")}
        settings, passwords = self.settings, self.settings.postgres_passwords
        return (
            MinioContainer(image["minio"], context, aliases["minio"], settings),
            PostgresService(server, self.databases, self.slot, passwords),
            AwsContainer(image["aws"], context, aliases["aws"], settings),
            RelayService(image["relay"], image["python"], context, aliases["relay"], settings.relay_port),
        )

    def _stack(
        self,
        services: tuple[MinioService, PostgresService, AwsService, RelayService],
        seconds: Mapping[str, float],
    ) -> Stack:
        return Stack(
            "containers", self.session.ident, self.stack_id, self.network_name, *services, self.images, seconds
        )

    def _server(self, begun: Callable[[ContainerServer], object]) -> PostgresServer:
        image = self.images["postgres"].reference
        timeout, port = self.settings.start_timeout, self.settings.postgres_port
        return running_server(self.session, self.slot, self.client, image, timeout, port, begun)

    def _join(self, server: ContainerServer, network: Network) -> None:
        server.join(network, ("postgres", *self.settings.aliases.get("postgres", ())))

    def _network(self) -> Network:
        network = Network(docker_network_kw={"labels": {**self.session.labels, LABEL_STACK: self.stack_id}})
        network.name = self.network_name
        with engine_errors("making the stack's network"):
            return network.create()

    def _fingerprint(self) -> str:
        """What a stack has to have in common with this plan, beside its images, to be taken over."""
        parts = (
            dict(self.settings.aliases),
            dict(self.databases),
            self.settings.fixed,
            source_of_services(),
        )
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _dismantle(self, starting: list[Future[Any]]) -> None:
        """Removes a stack whose start was broken off. Whatever prevents that leaves the rest to the session's end.

        Nothing is raised for it: what broke the start off is what has to be told. Most often a volume is in use, by a
        container that the engine is making.
        """
        while True:
            over = not wait(starting, timeout=0.1).not_done
            with suppress(HarnessError):
                remove_labelled(self.client, {LABEL_STACK: self.stack_id})
            # A start that is still under way may have made another container; without its first it soon gives up.
            if over:
                return


def no_network() -> Network:
    raise AssertionError("nobody has to join a network here")


def source_of_services() -> str:
    """Whoever works on the harness itself gets new containers for new code."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def timed(job: Callable[[], None]) -> float:
    began = time.monotonic()
    job()
    return time.monotonic() - began


def await_all(jobs: Mapping[str, Future[Any]]) -> None:
    """Waits for all, then raises the first failure."""
    wait(jobs.values())
    failures = [error for job in jobs.values() if (error := job.exception())]
    for failure in failures:
        # A service that says what is wrong explains more than another that only lost its engine meanwhile.
        if isinstance(failure, HarnessError):
            raise failure
    if failures:
        raise failures[0]
