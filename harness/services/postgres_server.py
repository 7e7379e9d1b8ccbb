"""The Postgres of a fleet: one server in which every worker has databases of its own."""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import suppress
from functools import cached_property
from urllib.parse import quote

import docker
import psycopg
from docker.models.containers import Container
from psycopg import sql

from harness.engine import LABEL_ROLE
from harness.errors import ServiceError
from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Spec,
    await_ready,
    fitting,
    labelled,
    published,
    role_of,
    start,
)
from harness.services.fleet import Fleet
from harness.services.remove import remove_labelled

ROLE = "postgres"
PORT = 5432
SUPERUSER = "postgres"
DIRECT_TIMEOUT = 0.5
# A server that lives for some test runs has nothing to survive: durability off, many small clients on.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "300",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
}
# A copy of a database is some hundred new files. ext4 is slow at these where as many were deleted in the last minutes.
MEMORY = "/memory"


class PostgresServer:
    """A server that runs. `container` is where, `password` the superuser's."""

    def __init__(self, container: Container, password: str) -> None:
        self.container, self.password = container, password
        self._published = (LOOPBACK, published(container, PORT))
        self._lock = threading.Lock()
        self._admin: psycopg.Connection | None = None

    def url(self, user: str, password: str, database: str) -> str:
        """libpq URL from this machine."""
        return _url(self._published, user, password, database)

    def direct_url(self, database: str) -> str:
        """The superuser's, past the engine's port forwarder where that is possible: every statement costs less."""
        return _url(self._direct, SUPERUSER, self.password, database)

    def execute(self, statement: sql.Composed) -> list[tuple[object, ...]]:
        """By one connection that stays open, as the superuser. Raises ServiceError where the server has gone."""
        with self._lock:
            try:
                cursor = self._connected().execute(statement)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError as error:
                if self._admin and not self._admin.closed:
                    raise  # the server's own refusal
                said = str(error).splitlines()[0]
                raise ServiceError(f"the postgres service does not answer any more: {said}") from error

    def version(self) -> int:
        """As libpq writes it: 170005."""
        with self._lock:
            return self._connected().info.server_version

    def _connected(self) -> psycopg.Connection:
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.direct_url("postgres"), autocommit=True, connect_timeout=10)
        return self._admin

    def close(self) -> None:
        if self._admin:
            self._admin.close()

    @cached_property
    def _direct(self) -> tuple[str, int]:
        """The container's own address where it can be reached (a local engine on Linux), else the published port."""
        networks = self.container.attrs["NetworkSettings"]["Networks"].values()
        for address in filter(None, (network["IPAddress"] for network in networks)):
            with suppress(OSError, psycopg.Error):
                socket.create_connection((address, PORT), timeout=DIRECT_TIMEOUT).close()
                # With a remote engine another server may have that address here; it does not know the password.
                psycopg.connect(_url((address, PORT), SUPERUSER, self.password, "postgres"), connect_timeout=2).close()
                return (address, PORT)
        return self._published


def running_server(
    fleet: Fleet, slot: int, client: docker.DockerClient, image: str, timeout: float, port: int | None
) -> PostgresServer:
    """The fleet's server: whichever process needs it first starts it, the others wait and share it.

    `slot` is this process's, `port` the one on this machine (None: a free one). Raises ServiceError, EngineError.
    """
    mine = {**fleet.labels, LABEL_ROLE: ROLE}
    with fleet.locked(ROLE):
        note = fleet.note(ROLE)
        found = {role_of(container): container for container in labelled(client, mine)}
        if note and note["options"] == OPTIONS and note.get("port") == port:
            with suppress(ServiceError):
                server = PostgresServer(fitting(found, ROLE, image), note["password"])
                await_ready(server.container, server.version, ATTACH_TIMEOUT)
                fleet.share(ROLE, slot)
                return server
        if any(container.status == "running" for container in found.values()) and fleet.shared(ROLE, slot):
            raise ServiceError(
                "another test run on this checkout uses the kept Postgres, which does not fit the settings of this "
                "one: wait until it has ended, or run without --reuse"
            )
        fleet.drop_note(ROLE)
        remove_labelled(client, mine)
        password = secrets.token_hex(16)
        server = _start(fleet, image, password, timeout, port)
        fleet.write_note(ROLE, {"password": password, "options": OPTIONS, "port": port})
        fleet.share(ROLE, slot)
        return server


def _start(fleet: Fleet, image: str, password: str, timeout: float, port: int | None) -> PostgresServer:
    options = [argument for name, value in OPTIONS.items() for argument in ("-c", f"{name}={value}")]
    spec = Spec(
        role=ROLE,
        image=image,
        ports=(PORT,),
        fixed={PORT: port},
        env={
            "POSTGRES_USER": SUPERUSER,
            "POSTGRES_PASSWORD": password,
            "POSTGRES_INITDB_ARGS": "--no-sync",
            "PGDATA": f"{MEMORY}/data",
        },
        in_memory=MEMORY,
        command=("postgres", *options),
    )
    server = PostgresServer(start(spec, fleet.labels, None), password)
    url = server.url(SUPERUSER, password, "postgres")
    # The direct way is looked for once, so only when the server answers.
    await_ready(server.container, lambda: psycopg.connect(url, connect_timeout=2).close(), timeout)
    return server


def _url(address: tuple[str, int], user: str, password: str, database: str) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@{address[0]}:{address[1]}/{database}"
