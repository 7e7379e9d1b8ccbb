"""The Postgres of a session: one server, in which every worker slot has its own databases."""

from __future__ import annotations

import io
import secrets
import socket
import tarfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote

import docker
import psycopg
from docker.models.containers import Container
from psycopg import sql
from testcontainers.core.network import Network

from harness.engine import LABEL_ROLE, engine_errors
from harness.errors import ServiceError, in_one_line
from harness.services.cleanup import remove_labelled
from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Spec,
    await_ready,
    create,
    find_fitting,
    list_labelled,
    published_port,
    read_log_tail,
    role_of,
    start,
)
from harness.services.session import ServiceSession

ROLE = "postgres"
PORT = 5432
SUPERUSER = "postgres"
DIRECT_TIMEOUT = 0.5
STATEMENT_TIMEOUT = 120.0
"""Seconds for a statement of the superuser, such as a copy of a database, which all workers wait for."""
SPOOL = "/var/tmp"  # noqa: S108 - inside the container
# The server never has to survive a crash, so durability is off.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "log_checkpoints": "off",  # Each run causes four, which hide other lines.
    "max_connections": "300",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
}
# In memory, because each database copy creates some hundred files, which ext4 does slowly after deleting as many.
MEMORY = "/memory"
SINCE_ITERATIONS = 160000


class PostgresServer(ABC):
    """A running server with the superuser's password and its host and port on this machine."""

    def __init__(self, password: str, published: tuple[str, int]) -> None:
        self.password = password
        self._published = published
        self._lock = threading.Lock()
        self._admin: psycopg.Connection | None = None

    @property
    @abstractmethod
    def ident(self) -> str:
        """Unique identifier."""

    @abstractmethod
    def run_tool(self, command: Sequence[str], archive: bytes | None = None) -> bytes:
        """Run one of Postgres' programs as the superuser and return its output.

        `archive` becomes a file, which is the last argument. Raises ServiceError if the program fails.
        """

    @abstractmethod
    def mark_log(self) -> None:
        """Make log_tail() start at the present end of the server's log."""

    @abstractmethod
    def log_tail(self, lines: int) -> str:
        """Return the last lines of the server's log that follow the mark."""

    def export_state(self) -> dict[str, Any]:
        """Return what another process needs to attach, unless the session stores that."""
        return {}

    def direct_address(self) -> tuple[str, int]:
        """Return the host and port of the shortest way to the server."""
        return self._published

    def url(self, user: str, password: str, database: str) -> str:
        """Return a libpq URL for this machine."""
        return libpq_url(self._published, user, password, database)

    def direct_url(self, database: str) -> str:
        """Return the superuser's URL, past the engine's slow port forwarder if possible."""
        return libpq_url(self.direct_address(), SUPERUSER, self.password, database)

    def execute(self, statement: sql.Composed) -> list[tuple[object, ...]]:
        """Execute a statement as superuser and return the rows. Raises ServiceError."""
        with self._lock:
            try:
                cursor = self._connect().execute(statement)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError as error:
                if self._admin and not self._admin.closed:
                    raise  # The server refused the statement.
                reason = str(error).splitlines()[0]
                raise ServiceError(f"the postgres service stopped answering: {reason}") from error

    def version(self) -> int:
        """Return the version as an integer, e.g. 170005."""
        with self._lock:
            return self._connect().info.server_version

    def speed_up_logins(self) -> None:
        """Store the superuser's password with one hash round, so that logins cost less.

        Postgres makes guessing expensive, by 3 ms for each connection. This password has 128 random bits. Those of the
        project's databases keep the default, because Java's clients refuse fewer than 4096 rounds.
        """
        if self.version() < SINCE_ITERATIONS:
            return
        self.execute(sql.SQL("SET scram_iterations = 1").format())
        change = sql.SQL("ALTER ROLE {} PASSWORD {}")
        self.execute(change.format(sql.Identifier(SUPERUSER), sql.Literal(self.password)))
        self.execute(sql.SQL("RESET scram_iterations").format())

    def restrict_template(self) -> None:
        """Let only the superuser connect to the database from which CREATE DATABASE copies."""
        self.execute(sql.SQL("REVOKE CONNECT ON DATABASE template1 FROM PUBLIC").format())

    def close(self) -> None:
        if self._admin:
            self._admin.close()

    def _connect(self) -> psycopg.Connection:
        if self._admin is None or self._admin.closed:
            limit = f"-c statement_timeout={STATEMENT_TIMEOUT:g}s"
            self._admin = psycopg.connect(
                self.direct_url("postgres"), autocommit=True, connect_timeout=10, options=limit
            )
        return self._admin


class ContainerServer(PostgresServer):
    """A server in a container."""

    def __init__(self, container: Container, password: str) -> None:
        super().__init__(password, (LOOPBACK, published_port(container, PORT)))
        self.container = container
        self._since: float | None = None

    @property
    def ident(self) -> str:
        return str(self.container.id)

    def join(self, network: Network, aliases: Sequence[str]) -> None:
        """Make the server reachable under these names in a stack's network."""
        with engine_errors("connecting postgres to the stack's network"):
            network.connect(self.ident, network_aliases=list(aliases))

    def run_tool(self, command: Sequence[str], archive: bytes | None = None) -> bytes:
        arguments = [command[0], "-U", SUPERUSER, *command[1:]]
        with engine_errors(f"running {command[0]}"):
            if archive is not None:
                file = f"{secrets.token_hex(8)}.archive"
                arguments.append(f"{SPOOL}/{file}")
                self.container.put_archive(SPOOL, _pack_archive(file, archive))
            result = self.container.exec_run(arguments, demux=True)
        stdout, stderr = cast(tuple[bytes | None, bytes | None], result.output)
        if result.exit_code != 0:
            raise ServiceError(f"{command[0]} failed in the postgres service: {in_one_line((stderr or b'').decode())}")
        return stdout or b""

    def mark_log(self) -> None:
        self._since = time.time()

    def log_tail(self, lines: int) -> str:
        return read_log_tail(self.container, lines, since=self._since)

    def direct_address(self) -> tuple[str, int]:
        """Return the container's address if reachable (local engine on Linux), else localhost's."""
        return self._direct_address

    @cached_property
    def _direct_address(self) -> tuple[str, int]:
        networks = self.container.attrs["NetworkSettings"]["Networks"].values()
        for address in filter(None, (network["IPAddress"] for network in networks)):
            with suppress(OSError, psycopg.Error):
                socket.create_connection((address, PORT), timeout=DIRECT_TIMEOUT).close()
                # With a remote engine another server may have that address here. It refuses the password.
                url = libpq_url((address, PORT), SUPERUSER, self.password, "postgres")
                psycopg.connect(url, connect_timeout=2).close()
                return (address, PORT)
        return self._published


def _pack_archive(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def ensure_server(
    session: ServiceSession,
    slot: int,
    client: docker.DockerClient,
    image: str,
    timeout: float,
    port: int | None,
    on_created: Callable[[ContainerServer], object],
) -> ContainerServer:
    """Return the session's server, which the first process starts and the others share.

    `slot` is the slot of this process, `port` the port on this machine (None: a free one). `on_created` is called with
    the server as soon as its container runs, before it answers. Raises ServiceError, EngineError.
    """
    labels = {**session.labels, LABEL_ROLE: ROLE}
    with session.lock(ROLE):
        containers = {role_of(container): container for container in list_labelled(client, labels)}
        if (server := _find_server(containers, session.read_state(ROLE), image, port)) is not None:
            on_created(server)
            session.mark_used(ROLE, slot)
            return server
        is_running = any(container.status == "running" for container in containers.values())
        if is_running and session.is_used_elsewhere(ROLE, slot):
            raise ServiceError(
                "another test run of this checkout uses the kept Postgres, whose settings differ from those of "
                "this run: wait until the other run ends, or run without --reuse"
            )
        session.drop_state(ROLE)
        remove_labelled(client, labels)
        password = secrets.token_hex(16)
        server = _start(session, client, image, password, timeout, port, on_created)
        session.write_state(ROLE, {"password": password, "options": OPTIONS, "port": port})
        session.mark_used(ROLE, slot)
        return server


def _find_server(
    containers: Mapping[str, Container], state: Mapping[str, Any] | None, image: str, port: int | None
) -> ContainerServer | None:
    """Return the running server, or None if it does not answer or does not fit."""
    if state and state["options"] == OPTIONS and state.get("port") == port:
        with suppress(ServiceError):
            server = ContainerServer(find_fitting(containers, ROLE, image), state["password"])
            await_ready(server.container, server.version, ATTACH_TIMEOUT)
            return server
    return None


def _start(
    session: ServiceSession,
    client: docker.DockerClient,
    image: str,
    password: str,
    timeout: float,
    port: int | None,
    on_created: Callable[[ContainerServer], object],
) -> ContainerServer:
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
    container = create(client, spec, session.labels)
    start(container)
    server = ContainerServer(container, password)
    on_created(server)
    url = server.url(SUPERUSER, password, "postgres")
    # By the published port, because the direct address is determined once, when the server answers.
    await_ready(server.container, lambda: psycopg.connect(url, connect_timeout=2).close(), timeout)
    server.speed_up_logins()
    server.restrict_template()
    return server


def libpq_url(address: tuple[str, int], user: str, password: str, database: str) -> str:
    """Return a libpq URL; `address` is a host and a port."""
    return f"postgresql://{user}:{quote(password, safe='')}@{address[0]}:{address[1]}/{database}"
