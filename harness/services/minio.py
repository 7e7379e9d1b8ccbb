"""MinIO: the S3 that DAGs read and write."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import urllib3
from docker.models.containers import Container
from minio import Minio
from minio.deleteobjects import DeleteObject

from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Place,
    Spec,
    await_ready,
    fitting,
    published,
    started,
    tail,
)
from harness.services.local_http import LOCAL
from harness.settings import Settings

API_PORT = 9000
CONSOLE_PORT = 9001


@dataclass(frozen=True)
class S3Endpoint:
    """Where an S3 answers. `internal` is host:port on the stack's network, `url` from this machine.

    `console_url` is empty where it has no console.
    """

    url: str
    console_url: str
    internal: str
    access_key: str
    secret_key: str = field(repr=False)


class MinioService(ABC):
    """MinIO, or what stands in for it. The settings' buckets exist, empty, after every reset."""

    name = "minio"

    def __init__(self, settings: Settings) -> None:
        """They may fix its ports, user and password."""
        self._buckets = settings.buckets
        self._ports = (settings.minio_port, settings.minio_console_port)
        self._user = settings.minio_user or f"user-{secrets.token_hex(4)}"
        self._password = settings.minio_password or secrets.token_hex(20)
        self._password_is_fixed = settings.minio_password is not None
        self._pool = urllib3.PoolManager(timeout=30, retries=urllib3.Retry(2, backoff_factor=0.1))
        self.endpoint: S3Endpoint

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def version(self) -> str:
        """The release as the server itself reports it, e.g. `RELEASE.2025-09-07T16-13-09Z`."""

    @abstractmethod
    def log_tail(self, lines: int) -> str: ...

    def note(self) -> dict[str, Any]:
        return {"user": self._user, "password": self._password}

    def client(self) -> Minio:
        """A client with short patience: a local server either answers at once or is broken. They share connections."""
        return self._client_by(self._pool)

    def server(self) -> str:
        """Which S3 it is, by its own word: `MinIO`."""
        return LOCAL.get(self.endpoint.url, timeout=5).headers.get("Server", "")

    def reset(self) -> None:
        """Exactly the declared buckets, each empty. Safe to repeat, however the last attempt ended."""
        client = self.client()
        found = [bucket.name for bucket in client.list_buckets()]
        for bucket in found:
            entries = client.list_objects(bucket, recursive=True)
            keys = [DeleteObject(entry.object_name) for entry in entries if entry.object_name]
            for problem in client.remove_objects(bucket, keys):
                raise RuntimeError(f"{bucket}/{problem.name}: {problem.message}")
            if bucket not in self._buckets:
                client.remove_bucket(bucket)
        for name in self._buckets:
            if name not in found:
                client.make_bucket(name)

    def secrets(self) -> tuple[str, ...]:
        return () if self._password_is_fixed else (self._password,)

    def _probe(self) -> None:
        self._client_by(urllib3.PoolManager(timeout=1, retries=False)).list_buckets()
        if self.endpoint.console_url:
            LOCAL.get(self.endpoint.console_url, timeout=1).raise_for_status()

    def _client_by(self, pool: urllib3.PoolManager) -> Minio:
        return Minio(
            self.endpoint.url.removeprefix("http://"),
            access_key=self._user,
            secret_key=self._password,
            secure=False,
            region="us-east-1",  # MinIO's own; not to be asked for before every bucket's first call
            http_client=pool,
        )


class MinioContainer(MinioService):
    """MinIO in a container, with its console."""

    def __init__(self, image: str, place: Place, aliases: Sequence[str], settings: Settings) -> None:
        super().__init__(settings)
        self._image, self._place = image, place
        self._aliases = (self.name, *aliases)
        self._container: Container | None = None

    def start(self) -> None:
        spec = Spec(
            role=self.name,
            image=self._image,
            ports=(API_PORT, CONSOLE_PORT),
            fixed=dict(zip((API_PORT, CONSOLE_PORT), self._ports, strict=True)),
            env={"MINIO_ROOT_USER": self._user, "MINIO_ROOT_PASSWORD": self._password},
            command=("server", "/data", "--address", f":{API_PORT}", "--console-address", f":{CONSOLE_PORT}"),
            aliases=self._aliases,
        )
        self._up(started(self._place, spec), self._place.timeout)

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._user, self._password = note["user"], note["password"]
        self._up(fitting(containers, self.name, self._image), ATTACH_TIMEOUT)

    def version(self) -> str:
        assert self._container is not None
        printed = cast(bytes, self._container.exec_run(["minio", "--version"]).output)
        return printed.decode().split()[2]

    def log_tail(self, lines: int) -> str:
        return tail(self._container, lines) if self._container else ""

    def _up(self, container: Container, timeout: float) -> None:
        self._container = container
        self.endpoint = S3Endpoint(
            url=f"http://{LOOPBACK}:{published(container, API_PORT)}",
            console_url=f"http://{LOOPBACK}:{published(container, CONSOLE_PORT)}",
            internal=f"{self._aliases[-1]}:{API_PORT}",
            access_key=self._user,
            secret_key=self._password,
        )
        await_ready(container, self._probe, timeout)
        self.reset()
