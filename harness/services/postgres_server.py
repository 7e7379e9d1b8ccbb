"""The Postgres of a session: one server in which every worker has databases of its own."""

from __future__ import annotations

import io
import secrets
import socket
import tarfile
import threading
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
    fitting,
    labelled,
    published,
    role_of,
    start,
    tail,
)
from harness.services.session import ServiceSession

ROLE = "postgres"
PORT = 5432
SUPERUSER = "postgres"
DIRECT_TIMEOUT = 0.5
SPOOL = "/var/tmp"  # noqa: S108 - inside the container, where nobody else is
# A server that lives for some test runs has nothing to survive: durability off, many small clients on.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "log_checkpoints": "off",  # there are four for every run, and its log is read by people
    "max_connections": "300",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
}
# A copy of a database is some hundred new files. ext4 is slow at these where as many were deleted in the last minutes.
MEMORY = "/memory"
SINCE_ITERATIONS = 160000


class PostgresServer(ABC):
    """A server that runs. `password` is the superuser's, `published` where it answers on this machine."""

    def __init__(self, password: str, published: tuple[str, int]) -> None:
        self.password = password
        self._published = published
        self._lock = threading.Lock()
        self._admin: psycopg.Connection | None = None

    @property
    @abstractmethod
    def ident(self) -> str:
        """By which it is told from another one."""

    @abstractmethod
    def tool(self, command: Sequence[str], archive: bytes | None = None) -> bytes:
        """What one of Postgres' programs prints, run as the superuser; `archive` as a file is its last argument.

        Raises ServiceError where it fails.
        """

    @abstractmethod
    def log_tail(self, lines: int) -> str:
        """The last lines that it printed."""

    def note(self) -> dict[str, Any]:
        """What another process needs to find it, where the session does not note that itself."""
        return {}

    def direct(self) -> tuple[str, int]:
        """The shortest way to it."""
        return self._published

    def url(self, user: str, password: str, database: str) -> str:
        """libpq URL from this machine."""
        return libpq_url(self._published, user, password, database)

    def direct_url(self, database: str) -> str:
        """The superuser's, past the engine's port forwarder where that is possible: every statement costs less."""
        return libpq_url(self.direct(), SUPERUSER, self.password, database)

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

    def ease_logins(self) -> None:
        """Stores the superuser's password so that its clients, Airflow among them, prove with little work to know it.

        Postgres makes guessing a password dear, by 3 ms of every connection. This one has 128 random bits. Those of
        the project's databases stay as they are: Java's clients refuse less than the usual 4096 rounds.
        """
        if self.version() < SINCE_ITERATIONS:
            return
        self.execute(sql.SQL("SET scram_iterations = 1").format())
        known = sql.SQL("ALTER ROLE {} PASSWORD {}")
        self.execute(known.format(sql.Identifier(SUPERUSER), sql.Literal(self.password)))
        self.execute(sql.SQL("RESET scram_iterations").format())

    def close_template(self) -> None:
        """Let only the superuser connect to the database from which CREATE DATABASE copies."""
        self.execute(sql.SQL("REVOKE CONNECT ON DATABASE template1 FROM PUBLIC").format())

    def close(self) -> None:
        if self._admin:
            self._admin.close()

    def _connected(self) -> psycopg.Connection:
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.direct_url("postgres"), autocommit=True, connect_timeout=10)
        return self._admin


class ContainerServer(PostgresServer):
    """A server in a container."""

    def __init__(self, container: Container, password: str) -> None:
        super().__init__(password, (LOOPBACK, published(container, PORT)))
        self.container = container

    @property
    def ident(self) -> str:
        return str(self.container.id)

    def join(self, network: Network, aliases: Sequence[str]) -> None:
        """Makes it reachable under these names in a stack's network."""
        with engine_errors("connecting postgres to the stack's network"):
            network.connect(self.ident, network_aliases=list(aliases))

    def tool(self, command: Sequence[str], archive: bytes | None = None) -> bytes:
        whole = [command[0], "-U", SUPERUSER, *command[1:]]
        with engine_errors(f"running {command[0]}"):
            if archive is not None:
                file = f"{secrets.token_hex(8)}.archive"
                whole.append(f"{SPOOL}/{file}")
                self.container.put_archive(SPOOL, _packed(file, archive))
            done = self.container.exec_run(whole, demux=True)
        stdout, stderr = cast(tuple[bytes | None, bytes | None], done.output)
        if done.exit_code != 0:
            raise ServiceError(f"{command[0]} failed in the postgres service: {in_one_line((stderr or b'').decode())}")
        return stdout or b""

    def log_tail(self, lines: int) -> str:
        return tail(self.container, lines)

    def direct(self) -> tuple[str, int]:
        """The container's own address where it can be reached (a local engine on Linux), else the published port."""
        return self._direct

    @cached_property
    def _direct(self) -> tuple[str, int]:
        networks = self.container.attrs["NetworkSettings"]["Networks"].values()
        for address in filter(None, (network["IPAddress"] for network in networks)):
            with suppress(OSError, psycopg.Error):
                socket.create_connection((address, PORT), timeout=DIRECT_TIMEOUT).close()
                # With a remote engine another server may have that address here; it does not know the password.
                url = libpq_url((address, PORT), SUPERUSER, self.password, "postgres")
                psycopg.connect(url, connect_timeout=2).close()
                return (address, PORT)
        return self._published


def _packed(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def running_server(
    session: ServiceSession,
    slot: int,
    client: docker.DockerClient,
    image: str,
    timeout: float,
    port: int | None,
    begun: Callable[[ContainerServer], object],
) -> ContainerServer:
    """The session's server: whichever process needs it first starts it, the others wait and share it.

    `slot` is this process's, `port` the one on this machine (None: a free one). `begun` is called with the server as
    soon as there is one, which may be before it answers. Raises ServiceError, EngineError.
    """
    mine = {**session.labels, LABEL_ROLE: ROLE}
    with session.locked(ROLE):
        found = {role_of(container): container for container in labelled(client, mine)}
        if (server := _fitting(found, session.note(ROLE), image, port)) is not None:
            begun(server)
            session.share(ROLE, slot)
            return server
        if any(container.status == "running" for container in found.values()) and session.shared(ROLE, slot):
            raise ServiceError(
                "another test run on this checkout uses the kept Postgres, which does not fit the settings of this "
                "one: wait until it has ended, or run without --reuse"
            )
        session.drop_note(ROLE)
        remove_labelled(client, mine)
        password = secrets.token_hex(16)
        server = _start(session, client, image, password, timeout, port, begun)
        session.write_note(ROLE, {"password": password, "options": OPTIONS, "port": port})
        session.share(ROLE, slot)
        return server


def _fitting(
    found: Mapping[str, Container], note: Mapping[str, Any] | None, image: str, port: int | None
) -> ContainerServer | None:
    """The server that runs already, if it answers and is as this process wants it."""
    if note and note["options"] == OPTIONS and note.get("port") == port:
        with suppress(ServiceError):
            server = ContainerServer(fitting(found, ROLE, image), note["password"])
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
    begun: Callable[[ContainerServer], object],
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
    begun(server)
    url = server.url(SUPERUSER, password, "postgres")
    # The direct way is looked for once, so only when the server answers.
    await_ready(server.container, lambda: psycopg.connect(url, connect_timeout=2).close(), timeout)
    server.ease_logins()
    server.close_template()
    return server


def libpq_url(address: tuple[str, int], user: str, password: str, database: str) -> str:
    """`address` is a host and a port."""
    return f"postgresql://{user}:{quote(password, safe='')}@{address[0]}:{address[1]}/{database}"
