"""Postgres: the project's databases and Airflow's metadata databases, in the session's one server."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from docker.models.containers import Container
from psycopg import sql

from harness.errors import ServiceError
from harness.services.postgres_server import SUPERUSER, PostgresServer

SINCE_STRATEGY = 150000


class PostgresService:
    """One slot's part of the server.

    `databases` maps a name to the SQL that makes its schema. Each is owned by a user of the same name and is made
    anew from its template at every reset. In slot 0 `insideairbnb` has that very name, in slot 1 `insideairbnb_1`;
    whoever asks here says `insideairbnb`. A name that was not declared is meant as it is, for the superuser.
    """

    name = "postgres"

    def __init__(
        self,
        server: Callable[[], PostgresServer],
        databases: Mapping[str, str],
        slot: int,
        passwords: Mapping[str, str],
    ) -> None:
        """`server` waits until the server runs. `passwords`: of databases whose password is fixed by a setting."""
        self._wait = server
        self._databases = dict(databases)
        self._slot = slot
        self._fixed = passwords
        self._passwords = {name: passwords.get(name) or secrets.token_hex(16) for name in databases}
        self._verifiers: dict[str, str] = {}
        self._server: PostgresServer

    @property
    def names(self) -> tuple[str, ...]:
        """Of the declared databases."""
        return tuple(self._databases)

    def start(self) -> None:
        self._server = self._wait()
        for name, schema in self._databases.items():
            self._make_template(name, schema)
        self._drop_scratch()
        self.reset()

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._server = self._wait()
        if note["server"] != self._server.ident:
            raise ServiceError("the stack's databases were in another server")
        self._passwords = dict(note["passwords"])
        self._drop_scratch()
        self.reset()

    def note(self) -> dict[str, Any]:
        return {"server": self._server.ident, "passwords": self._passwords, **self._server.note()}

    def reset(self) -> None:
        """Every declared database as its schema left it, and its owner as the stack made it."""
        for name in self._databases:
            own = self._own(name)
            self._reset_owner(name)
            self.clone(_template(own), own, owner=own)

    def _reset_owner(self, name: str) -> None:
        """Undo what the owner of the declared database `name` can change beside that database.

        An owner may create neither roles nor databases. It can change its own password and settings, protect its
        database from DROP, and make large objects in `postgres`, to which everyone can connect.
        """
        own = self._own(name)
        role, literal = sql.Identifier(own), sql.Literal(own)
        if name not in self._verifiers:
            self._set_password(name)
        statements = (
            # A killed task may have left a session in any database.
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}").format(literal),
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(self._verifiers[name])),
            # ALTER ROLE ... RESET ALL would keep the settings that are for one database.
            sql.SQL("DELETE FROM pg_db_role_setting WHERE setrole = {}::regrole").format(sql.Literal(role.as_string())),
            sql.SQL("UPDATE pg_database SET datistemplate = false WHERE datname = {} AND datistemplate").format(
                literal
            ),
            sql.SQL("DROP OWNED BY {}").format(role),
        )
        self._server.execute(sql.SQL("; ").join(statements))

    def _set_password(self, name: str) -> None:
        """Also remembers how Postgres stores it: to make that out of a password takes Postgres 3 ms."""
        role = self._own(name)
        change = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        self._server.execute(change.format(sql.Identifier(role), sql.Literal(self._passwords[name])))
        stored = sql.SQL("SELECT rolpassword FROM pg_authid WHERE rolname = {}")
        self._verifiers[name] = str(self._server.execute(stored.format(sql.Literal(role)))[0][0])

    def clone(self, template: str, name: str, owner: str = SUPERUSER) -> None:
        """Makes database `name` a copy of `template`, replacing one of that name (about 20 ms for 10 MB)."""
        self.drop(name)
        # The server copies files, since nothing of it is written to disk for good; the default logs every page.
        strategy = " STRATEGY FILE_COPY" if self._server.version() >= SINCE_STRATEGY else ""
        self._server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}" + strategy).format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)
            )
        )

    def drop(self, name: str) -> None:
        self._server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def create(self, name: str) -> None:
        """Makes an empty database, to which only the superuser can connect: it may be a template some day."""
        self._server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self._server.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))

    def rename(self, name: str, new: str) -> None:
        self._server.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new))
        )

    def exists(self, name: str) -> bool:
        asked = sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}").format(sql.Literal(name))
        return bool(self._server.execute(asked))

    def scratch_name(self) -> str:
        """A new name for a database to throw away; one that a killed process left is dropped by who takes its slot."""
        return f"{self._scratch()}{secrets.token_hex(6)}"

    def url(self, database: str) -> str:
        """libpq URL from this machine, as the database's owner (the superuser for undeclared ones)."""
        if database not in self._databases:
            return self._server.url(SUPERUSER, self._server.password, database)
        own = self._own(database)
        return self._server.url(own, self._passwords[database], own)

    def direct_url(self, database: str) -> str:
        """libpq URL of an undeclared database, by the shortest way there is from this machine."""
        return self._server.direct_url(database)

    def connect(self, database: str) -> psycopg.Connection:
        """A connection in autocommit mode."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=10)

    def major(self) -> int:
        return self._server.version() // 10000

    def dump(self, database: str) -> bytes:
        """The database in pg_dump's custom format."""
        return self._server.tool(["pg_dump", "-Fc", database])

    def restore(self, database: str, archive: bytes) -> None:
        """Fills the new database `database` from what dump() gave."""
        self.create(database)
        self._server.tool(["pg_restore", "--no-owner", "-d", database], archive)

    def log_tail(self, lines: int) -> str:
        return self._server.log_tail(lines)

    def secrets(self) -> tuple[str, ...]:
        made = (password for name, password in self._passwords.items() if name not in self._fixed)
        return (self._server.password, *made)

    def close(self) -> None:
        """Ends this process's connection. The server goes on."""
        self._server.close()

    def _own(self, name: str) -> str:
        """The declared database's name in this slot; no two of them meet, whatever names a project declares."""
        return f"{name}_{self._slot}" if self._slot or re.search(r"_\d+$", name) else name

    def _scratch(self) -> str:
        return f"scratch_{self._slot}_"

    def _drop_scratch(self) -> None:
        asked = sql.SQL("SELECT datname FROM pg_database WHERE starts_with(datname, {})")
        for (left,) in self._server.execute(asked.format(sql.Literal(self._scratch()))):
            self.drop(str(left))

    def _make_template(self, name: str, schema: str) -> None:
        own = self._own(name)
        for left in (own, _template(own)):
            self.drop(left)
        user, template = sql.Identifier(own), sql.Identifier(_template(own))
        if not self._server.execute(sql.SQL("SELECT 1 FROM pg_roles WHERE rolname = {}").format(sql.Literal(own))):
            self._server.execute(sql.SQL("CREATE ROLE {}").format(user))
        self._reset_owner(name)
        self._server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(template, user))
        with self.connect(_template(own)) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(user))
            connection.execute(schema.encode())
        # So that nobody changes the template, or keeps a session in it, which CREATE DATABASE refuses.
        self._server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(template, sql.Identifier(SUPERUSER)))
        self._server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(template))


def _template(own: str) -> str:
    return f"{own}~template"
