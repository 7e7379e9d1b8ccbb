"""The stack: the services of one test process, in containers, started side by side and gone without a trace."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import docker
from testcontainers.core.network import Network

from harness.engine import LABEL_STACK, connect, engine_errors
from harness.errors import HarnessError
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
        seconds = _start_side_by_side((minio, postgres, aws, relay))
        yield Stack(stack_id, network.name, minio, postgres, aws, relay, images, seconds)
    finally:
        try:
            remove_stack(client, stack_id)
        finally:
            reaper.close()


def remove_stack(client: docker.DockerClient, stack_id: str) -> None:
    """Removes the containers, networks and volumes labelled with `stack_id`, and nothing else."""
    with engine_errors("removing the stack"):
        with ThreadPoolExecutor() as pool:
            list(pool.map(remove, labelled(client, stack_id)))
        ours = {"label": f"{LABEL_STACK}={stack_id}"}
        for network in client.networks.list(filters=ours):
            network.remove()
        for volume in client.volumes.list(filters=ours):
            volume.remove(force=True)


def _start_side_by_side(services: tuple[Service, ...]) -> dict[str, float]:
    """Starts all; returns the seconds of each. Waits for all, then raises the first failure."""

    def timed(service: Service) -> float:
        began = time.monotonic()
        service.start()
        return time.monotonic() - began

    with ThreadPoolExecutor() as pool:
        started = {service.name: pool.submit(timed, service) for service in services}
    failures = [error for future in started.values() if (error := future.exception())]
    for failure in failures:
        # A service that says what is wrong explains more than another that only lost its engine meanwhile.
        if isinstance(failure, HarnessError):
            raise failure
    if failures:
        raise failures[0]
    return {name: future.result() for name, future in started.items()}
