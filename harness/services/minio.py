"""MinIO: the S3 that DAGs read and write."""

from __future__ import annotations

import re
import secrets
import time
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
    create_and_start,
    find_fitting,
    published_port,
    read_log_tail,
    remove,
    start,
)
from harness.services.local_http import LOCAL
from harness.services.minio_admin import POLICIES, REGION, administration, bucket_settings, call
from harness.settings import Settings

API_PORT = 9000
CONSOLE_PORT = 9001
ENTRY = re.compile(rb"<(?:Version|DeleteMarker|Upload)>")
"""An entry in a listing of versions or uploads."""


@dataclass(frozen=True)
class S3Endpoint:
    """Credentials and addresses of S3. `url` and `console_url` are for this machine.

    `internal` is host:port in the stack's network. `console_url` is empty if there is no console.
    """

    url: str
    console_url: str
    internal: str
    access_key: str
    secret_key: str = field(repr=False)


class MinioService(ABC):
    """MinIO, or an AWS mock that replaces it. A reset leaves the settings' buckets, empty."""

    name = "minio"

    def __init__(self, settings: Settings) -> None:
        """`settings` names the buckets and may fix ports, user and password."""
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
    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def version(self) -> str:
        """Return the release that the server reports, e.g. `RELEASE.2025-09-07T16-13-09Z`."""

    @abstractmethod
    def mark_log(self) -> None: ...

    @abstractmethod
    def log_tail(self, lines: int) -> str: ...

    @abstractmethod
    def _replace(self) -> None:
        """Replace the server by an empty one at the same ports. Raises ServiceError, EngineError."""

    def export_state(self) -> dict[str, Any]:
        return {"user": self._user, "password": self._password, "fresh": self._fresh}

    def client(self) -> Minio:
        """Return a client with short timeouts. All clients share their connections."""
        return self._create_client(self._pool)

    def server(self) -> str:
        """Return the name that the server reports, e.g. `MinIO`."""
        return LOCAL.get(self.endpoint.url, timeout=5).headers.get("Server", "")

    def reset(self) -> None:
        """Restore a fresh server with the declared buckets. Can be repeated after a failure.

        Replaces the server after changes that can't be undone: object lock, and anything by MinIO's admin API.
        """
        if not self._undo_changes():
            self._replace()

    def _undo_changes(self) -> bool:
        """Undo changes to buckets. Returns whether the server is now like a fresh one."""
        try:
            with ThreadPoolExecutor() as pool:
                admin_digests = pool.submit(administration, self._pool, self.endpoint)
                settings = bucket_settings(self._pool, self.endpoint)
                names = [bucket.name for bucket in self.client().list_buckets()]
                clean = {
                    bucket
                    for bucket, empty in zip(names, pool.map(self._is_empty, names), strict=True)
                    if empty and bucket in self._buckets and settings.get(bucket) == self._fresh["bucket"]
                }
                if admin_digests.result() != self._fresh["administration"]:
                    return False
                removed = list(pool.map(self._remove_bucket, set(names) - clean))
                list(pool.map(self.client().make_bucket, set(self._buckets) - clean))
        except (MinioException, HTTPError):
            return False
        return all(removed)

    def _is_empty(self, bucket: str) -> bool:
        """Return whether the bucket has no version of an object and no unfinished upload."""
        listings = (f"/{bucket}?max-keys=1&versions=", f"/{bucket}?max-uploads=1&uploads=")
        answers = (call(self._pool, self.endpoint, "GET", path) for path in listings)
        return all(answer.status == 200 and not ENTRY.search(answer.data) for answer in answers)

    def _remove_bucket(self, bucket: str) -> bool:
        """Remove a bucket with all object versions and settings. Returns whether MinIO allowed it."""
        client = self.client()
        # MinIO keeps unfinished uploads outside the bucket, and a new bucket of the same name would have them.
        while uploads := client._list_multipart_uploads(bucket).uploads:
            for upload in uploads:
                client._abort_multipart_upload(bucket, upload.object_name, str(upload.upload_id))
        # Listing objects is not enough: MinIO hides `out/part-0` while an object `out` exists.
        answer = call(self._pool, self.endpoint, "DELETE", f"/{bucket}", {"x-minio-force-delete": "true"})
        return answer.status == 204

    def _create_buckets(self) -> None:
        """Create the buckets in a fresh server, and remember its state as reset()'s baseline."""
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
        self._create_client(impatient).list_buckets()
        call(impatient, self.endpoint, "GET", POLICIES)  # Refused a moment longer than S3 calls.
        if self.endpoint.console_url:
            LOCAL.get(self.endpoint.console_url, timeout=1).raise_for_status()

    def _create_client(self, pool: urllib3.PoolManager) -> Minio:
        return Minio(
            self.endpoint.url.removeprefix("http://"),
            access_key=self._user,
            secret_key=self._password,
            secure=False,
            region=REGION,  # Saves a call to look it up for every bucket.
            http_client=pool,
        )


class MinioContainer(MinioService):
    """MinIO in a container, with its console."""

    def __init__(self, image: str, context: StackContext, aliases: Sequence[str], settings: Settings) -> None:
        super().__init__(settings)
        self._image, self._context = image, context
        self._aliases = (self.name, *aliases)
        self._container: Container | None = None
        self._since: float | None = None

    def start(self) -> None:
        self._connect(create_and_start(self._context, self._spec(self._ports)), self._context.timeout)
        self._create_buckets()

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        self._user, self._password, self._fresh = state["user"], state["password"], state["fresh"]
        self._connect(find_fitting(containers, self.name, self._image), ATTACH_TIMEOUT)
        self.reset()

    def _replace(self) -> None:
        assert self._container is not None
        ports = tuple(urlsplit(url).port for url in (self.endpoint.url, self.endpoint.console_url))
        remove(self._container)
        self._container = create(self._context.client, self._spec(ports), self._context.labels, self._context.network)
        start(self._container)
        self._connect(self._container, self._context.timeout)
        self._create_buckets()

    def _spec(self, ports: tuple[int | None, ...]) -> Spec:
        """Return the container's spec with these two ports on this machine (None: a free one)."""
        return Spec(
            role=self.name,
            image=self._image,
            ports=(API_PORT, CONSOLE_PORT),
            fixed=dict(zip((API_PORT, CONSOLE_PORT), ports, strict=True)),
            env={"MINIO_ROOT_USER": self._user, "MINIO_ROOT_PASSWORD": self._password, "MINIO_UPDATE": "off"},
            command=("server", "/data", "--address", f":{API_PORT}", "--console-address", f":{CONSOLE_PORT}"),
            aliases=self._aliases,
        )

    def version(self) -> str:
        assert self._container is not None
        output = cast(bytes, self._container.exec_run(["minio", "--version"]).output)
        return output.decode().split()[2]

    def mark_log(self) -> None:
        self._since = time.time()

    def log_tail(self, lines: int) -> str:
        return read_log_tail(self._container, lines, since=self._since) if self._container else ""

    def _connect(self, container: Container, timeout: float) -> None:
        self._container = container
        self.endpoint = S3Endpoint(
            url=f"http://{LOOPBACK}:{published_port(container, API_PORT)}",
            console_url=f"http://{LOOPBACK}:{published_port(container, CONSOLE_PORT)}",
            internal=f"{self._aliases[-1]}:{API_PORT}",
            access_key=self._user,
            secret_key=self._password,
        )
        await_ready(container, self._probe, timeout)
