"""The stack: the services of one test process, in containers, started side by side and gone without a trace."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import docker
from docker.errors import APIError, NotFound
from testcontainers.core.network import Network

from harness.engine import LABEL_STACK, connect, engine_errors
from harness.errors import HarnessError, ServiceError
from harness.images.obtain import Obtained, Progress, obtain
from harness.services.aws import AwsService
from harness.services.containers import Place, labelled, remove
from harness.services.minio import MinioService
from harness.services.postgres import PostgresService
from harness.services.reaper import Reaper
from harness.services.relay import RelayService
from harness.services.service import Service
from harness.settings import Settings

SERVICE_IMAGES = ("reaper", "minio", "postgres", "aws", "relay", "python")


@dataclass(frozen=True)
class Stack:
    """Services that are up. `images` has every image of the catalogue that was obtained; `seconds` each start."""

    stack_id: str
    network: str
    minio: MinioService
    postgres: PostgresService
    aws: AwsService
    relay: RelayService
    images: Mapping[str, Obtained]
    seconds: Mapping[str, float]

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
def stack_in_containers(settings: Settings, databases: Mapping[str, str], progress: Progress) -> Iterator[Stack]:
    """Starts the services, yields the Stack, removes everything that bears its label.

    `databases` maps the name of each Postgres database to the SQL of its schema.
    Raises EngineError, ImageError, ServiceError.
    """
    client = connect()
    names = (*SERVICE_IMAGES, *settings.images)
    images = {name: obtain(client, settings, name, progress) for name in names}
    stack_id = secrets.token_hex(6)
    reaper = Reaper(images["reaper"].reference, stack_id, settings.start_timeout)
    starting: list[Future[float]] = []
    try:
        with engine_errors("making the stack's network"):
            network = Network(docker_network_kw={"labels": {LABEL_STACK: stack_id}}).create()
        place = Place(stack_id, network, settings.start_timeout)
        aliases = settings.aliases
        minio = MinioService(images["minio"].reference, place, aliases.get("minio", ()), settings.buckets)
        postgres = PostgresService(images["postgres"].reference, place, aliases.get("postgres", ()), databases)
        aws = AwsService(images["aws"].reference, place, aliases.get("aws", ()))
        relay = RelayService(
            images["relay"].reference, images["python"].reference, place, aliases.get("relay", ()), client
        )
        seconds = _start_side_by_side((minio, postgres, aws, relay), starting)
    except BaseException:
        try:
            _dismantle(client, stack_id, starting, reaper)
        finally:
            # The engine may still be making what an interrupted call asked for: only a sweep some seconds later gets it.
            reaper.abandon()
        raise
    try:
        yield Stack(stack_id, network.name, minio, postgres, aws, relay, images, seconds)
    finally:
        _dismantle(client, stack_id, starting, reaper)
        reaper.dismiss()


def _dismantle(client: docker.DockerClient, stack_id: str, starting: list[Future[float]], reaper: Reaper) -> None:
    """Removes the stack, also one that was interrupted while its services were starting.

    Whatever prevents that, a second Ctrl-C too, leaves the rest to the reaper.
    """
    try:
        remove_stack(client, stack_id)
        # A start that is still under way may have made another container; without its first it soon gives up.
        while wait(starting, timeout=0.1).not_done:
            remove_stack(client, stack_id)
        if labelled(client, stack_id):
            remove_stack(client, stack_id)
    except BaseException:
        reaper.abandon()
        raise


def remove_stack(client: docker.DockerClient, stack_id: str) -> None:
    """Removes the containers, networks and volumes labelled with `stack_id`, and nothing else.

    Raises ServiceError, after removing all else, where the engine refuses one.
    """
    refused: list[str] = []
    ours = {"label": f"{LABEL_STACK}={stack_id}"}
    with engine_errors("removing the stack"):
        with ThreadPoolExecutor() as pool:
            list(pool.map(remove, labelled(client, stack_id)))
        for kind, made in (
            ("network", client.networks.list(filters=ours)),
            ("volume", client.volumes.list(filters=ours)),
        ):
            for one in made:
                try:
                    one.remove()
                except NotFound:
                    pass
                except APIError as error:
                    refused.append(f"{kind} {one.name}: {error.explanation}")
    if refused:
        raise ServiceError(f"the engine keeps what the stack made ({'; '.join(refused)}): remove it with docker")


def _start_side_by_side(services: tuple[Service, ...], starting: list[Future[float]]) -> dict[str, float]:
    """Starts all; returns the seconds of each. Waits for all, then raises the first failure.

    `starting` is filled with what is under way, for whoever has to clean up after an interrupt.
    """

    def timed(service: Service) -> float:
        began = time.monotonic()
        service.start()
        return time.monotonic() - began

    pool = ThreadPoolExecutor()
    starting += [pool.submit(timed, service) for service in services]
    pool.shutdown(wait=False)
    wait(starting)
    failures = [error for future in starting if (error := future.exception())]
    for failure in failures:
        # A service that says what is wrong explains more than another that only lost its engine meanwhile.
        if isinstance(failure, HarnessError):
            raise failure
    if failures:
        raise failures[0]
    return {service.name: future.result() for service, future in zip(services, starting, strict=True)}
