"""MinIO: the S3 that DAGs read and write."""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import urllib3
from docker.models.containers import Container
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Spec,
    StackContext,
    await_ready,
    create,
    fitting,
    published,
    remove,
    start,
    started,
    tail,
)
from harness.services.local_http import LOCAL
from harness.services.minio_admin import POLICIES, REGION, administration, bucket_settings, call
from harness.settings import Settings

API_PORT = 9000
CONSOLE_PORT = 9001
ENTRY = re.compile(rb"<(?:Version|DeleteMarker|Upload)>")
"""Of a listing of versions or uploads."""


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
        self._pool = urllib3.PoolManager(timeout=30, maxsize=8, retries=urllib3.Retry(2, backoff_factor=0.1))
        self._fresh: dict[str, Any] = {}
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

    @abstractmethod
    def _replace(self) -> None:
        """Puts an empty server in place of this one, at the same ports. Raises ServiceError, EngineError."""

    def note(self) -> dict[str, Any]:
        return {"user": self._user, "password": self._password, "fresh": self._fresh}

    def client(self) -> Minio:
        """A client with short patience: a local server either answers at once or is broken. They share connections."""
        return self._client_by(self._pool)

    def server(self) -> str:
        """Which S3 it is, by its own word: `MinIO`."""
        return LOCAL.get(self.endpoint.url, timeout=5).headers.get("Server", "")

    def reset(self) -> None:
        """Exactly the declared buckets, empty, and all else as in a fresh server. Safe to repeat after a failure.

        What can't be undone replaces the server: a bucket with object lock, and any change by MinIO's admin API.
        """
        if not self._undone():
            self._replace()

    def _undone(self) -> bool:
        """Undoes what can be undone; says whether that was all."""
        try:
            with ThreadPoolExecutor() as pool:
                administered = pool.submit(administration, self._pool, self.endpoint)
                settings = bucket_settings(self._pool, self.endpoint)
                found = [bucket.name for bucket in self.client().list_buckets()]
                clean = {
                    bucket
                    for bucket, empty in zip(found, pool.map(self._is_empty, found), strict=True)
                    if empty and bucket in self._buckets and settings.get(bucket) == self._fresh["bucket"]
                }
                if administered.result() != self._fresh["administration"]:
                    return False
                removed = list(pool.map(self._remove_bucket, set(found) - clean))
                list(pool.map(self.client().make_bucket, set(self._buckets) - clean))
        except (MinioException, HTTPError):
            return False
        return all(removed)

    def _is_empty(self, bucket: str) -> bool:
        """Whether it has no version of an object, and no part of an unfinished upload."""
        listings = (f"/{bucket}?max-keys=1&versions=", f"/{bucket}?max-uploads=1&uploads=")
        answers = (call(self._pool, self.endpoint, "GET", path) for path in listings)
        return all(answer.status == 200 and not ENTRY.search(answer.data) for answer in answers)

    def _remove_bucket(self, bucket: str) -> bool:
        """Removes a bucket with all versions of its objects and all its settings, if MinIO lets that happen."""
        client = self.client()
        # MinIO keeps the parts of unfinished uploads beside the bucket, for the next one of that name.
        while uploads := client._list_multipart_uploads(bucket).uploads:
            for upload in uploads:
                client._abort_multipart_upload(bucket, upload.object_name, str(upload.upload_id))
        # Not by a list of objects: MinIO lists `out`, and hides `out/part-0` while there is an `out`.
        answer = call(self._pool, self.endpoint, "DELETE", f"/{bucket}", {"x-minio-force-delete": "true"})
        return answer.status == 204

    def _begin(self) -> None:
        """Makes the declared buckets in a server that nobody has used, and notes what such a server is like."""
        for bucket in self._buckets:
            self.client().make_bucket(bucket)
        settings = bucket_settings(self._pool, self.endpoint)
        self._fresh = {
            "administration": administration(self._pool, self.endpoint),
            "bucket": settings.get(self._buckets[0]) if self._buckets else None,
        }

    def secrets(self) -> tuple[str, ...]:
        return () if self._password_is_fixed else (self._password,)

    def _probe(self) -> None:
        impatient = urllib3.PoolManager(timeout=1, retries=False)
        self._client_by(impatient).list_buckets()
        call(impatient, self.endpoint, "GET", POLICIES)  # which it refuses for a moment longer than S3's calls
        if self.endpoint.console_url:
            LOCAL.get(self.endpoint.console_url, timeout=1).raise_for_status()

    def _client_by(self, pool: urllib3.PoolManager) -> Minio:
        return Minio(
            self.endpoint.url.removeprefix("http://"),
            access_key=self._user,
            secret_key=self._password,
            secure=False,
            region=REGION,  # MinIO's own; not to be asked for before every bucket's first call
            http_client=pool,
        )


class MinioContainer(MinioService):
    """MinIO in a container, with its console."""

    def __init__(self, image: str, context: StackContext, aliases: Sequence[str], settings: Settings) -> None:
        super().__init__(settings)
        self._image, self._context = image, context
        self._aliases = (self.name, *aliases)
        self._container: Container | None = None

    def start(self) -> None:
        self._up(started(self._context, self._spec(self._ports)), self._context.timeout)
        self._begin()

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._user, self._password, self._fresh = note["user"], note["password"], note["fresh"]
        self._up(fitting(containers, self.name, self._image), ATTACH_TIMEOUT)
        self.reset()

    def _replace(self) -> None:
        assert self._container is not None
        ports = tuple(urlsplit(url).port for url in (self.endpoint.url, self.endpoint.console_url))
        remove(self._container)
        self._container = create(self._context.client, self._spec(ports), self._context.labels, self._context.network)
        start(self._container)
        self._up(self._container, self._context.timeout)
        self._begin()

    def _spec(self, ports: tuple[int | None, ...]) -> Spec:
        """The container, with these two ports on this machine; None: any free one."""
        return Spec(
            role=self.name,
            image=self._image,
            ports=(API_PORT, CONSOLE_PORT),
            fixed=dict(zip((API_PORT, CONSOLE_PORT), ports, strict=True)),
            env={"MINIO_ROOT_USER": self._user, "MINIO_ROOT_PASSWORD": self._password},
            command=("server", "/data", "--address", f":{API_PORT}", "--console-address", f":{CONSOLE_PORT}"),
            aliases=self._aliases,
        )

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
