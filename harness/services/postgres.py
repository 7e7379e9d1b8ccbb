"""Postgres: the chapter's `insideairbnb` and Airflow's metadata databases, in one server."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import quote

import psycopg
from docker.models.containers import Container
from psycopg import sql

from harness.engine import engine_errors
from harness.errors import ServiceError
from harness.services.containers import LOOPBACK, Place, Spec, await_ready, published, start, tail

PORT = 5432
SUPERUSER = "postgres"
SPOOL = "/var/tmp"  # noqa: S108 - inside the container, where nobody else is
TEMPLATE_SUFFIX = "_template"


class PostgresService:
    """Postgres in a container.

    `databases` maps a name to the SQL that makes its schema. Each is owned by a user of the same name and is made
    anew from its template at every reset.
    """

    name = "postgres"

    def __init__(self, image: str, place: Place, aliases: Sequence[str], databases: Mapping[str, str]) -> None:
        self._image, self._place = image, place
        self._aliases = (self.name, *aliases)
        self._databases = dict(databases)
        self._passwords = {name: secrets.token_hex(16) for name in (SUPERUSER, *databases)}
        self._container: Container | None = None
        self._port = 0

    def start(self) -> None:
        spec = Spec(
            role=self.name,
            image=self._image,
            ports=(PORT,),
            env={"POSTGRES_USER": SUPERUSER, "POSTGRES_PASSWORD": self._passwords[SUPERUSER]},
            # A server that lives for one test run has nothing to survive: durability off, many small clients on.
            command=(
                *(
                    "postgres",
                    "-c",
                    "fsync=off",
                    "-c",
                    "synchronous_commit=off",
                    "-c",
                    "full_page_writes=off",
                ),
                *("-c", "max_connections=300"),
            ),
            aliases=self._aliases,
        )
        self._container = start(spec, self._place.stack_id, self._place.network)
        self._port = published(self._container, PORT)
        await_ready(self._container, self._probe, self._place.timeout)
        for name, schema in self._databases.items():
            self._make_template(name, schema)
        self.reset()

    def reset(self) -> None:
        """Every declared database as its schema left it."""
        for name in self._databases:
            self.clone(name + TEMPLATE_SUFFIX, name, owner=name)

    def clone(self, template: str, name: str, owner: str = SUPERUSER) -> None:
        """Makes database `name` a copy of `template`, replacing one of that name (about 50 ms for 10 MB)."""
        self.drop(name)
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)
            )
        )

    def drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def create(self, name: str) -> None:
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def exists(self, name: str) -> bool:
        with self.connect("postgres") as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None

    def url(self, database: str) -> str:
        """libpq URL from this machine, as the database's owner (the superuser for undeclared ones)."""
        user = database if database in self._databases else SUPERUSER
        return f"postgresql://{user}:{quote(self._passwords[user])}@{LOOPBACK}:{self._port}/{database}"

    def connect(self, database: str) -> psycopg.Connection:
        """A connection in autocommit mode."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=10)

    def major(self) -> int:
        with self.connect("postgres") as connection:
            return connection.info.server_version // 10000

    def dump(self, database: str) -> bytes:
        """The database in pg_dump's custom format."""
        return self._run(["pg_dump", "-U", SUPERUSER, "-Fc", database])

    def restore(self, database: str, archive: bytes) -> None:
        """Fills the new database `database` from what dump() gave."""
        assert self._container is not None
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            member = tarfile.TarInfo("archive.dump")
            member.size, member.mode = len(archive), 0o644
            tar.addfile(member, io.BytesIO(archive))
        self.create(database)
        with engine_errors("copying a metadata dump to Postgres"):
            self._container.put_archive(SPOOL, packed.getvalue())
        self._run(["pg_restore", "-U", SUPERUSER, "--no-owner", "-d", database, f"{SPOOL}/archive.dump"])

    def log_tail(self, lines: int) -> str:
        return tail(self._container, lines) if self._container else ""

    def secrets(self) -> tuple[str, ...]:
        return tuple(self._passwords.values())

    def _probe(self) -> None:
        with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
            connection.execute("SELECT 1")

    def _make_template(self, name: str, schema: str) -> None:
        template = name + TEMPLATE_SUFFIX
        user = sql.Identifier(name)
        self._execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(self._passwords[name])))
        self._execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(template), user))
        with self.connect(template) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(user))
            connection.execute(schema.encode())

    def _execute(self, statement: sql.Composed) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement)

    def _run(self, command: list[str]) -> bytes:
        assert self._container is not None
        with engine_errors(f"running {command[0]}"):
            done = self._container.exec_run(command, demux=True)
        stdout, stderr = cast(tuple[bytes | None, bytes | None], done.output)
        if done.exit_code != 0:
            raise ServiceError(f"{command[0]} failed in the postgres service: {(stderr or b'').decode().strip()}")
        return stdout or b""
