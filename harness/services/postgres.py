"""The project's databases and Airflow's metadata databases in the session's server."""

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
from harness.services.schema import load_schema

SINCE_STRATEGY = 150000


class PostgresService:
    """The databases of one worker slot.

    `databases` maps a name to the SQL that creates its schema. A user of the same name owns each database, and every
    reset replaces it by a copy of its template. The database `insideairbnb` has that name in slot 0 and is named
    `insideairbnb_1` in slot 1; methods take `insideairbnb`. Undeclared names are used unchanged, as the superuser.
    """

    name = "postgres"

    def __init__(
        self,
        server: Callable[[], PostgresServer],
        databases: Mapping[str, str],
        slot: int,
        passwords: Mapping[str, str],
    ) -> None:
        """`server` waits for the server. `passwords` maps databases to fixed passwords."""
        self._await_server = server
        self._databases = dict(databases)
        self._slot = slot
        self._fixed = passwords
        self._passwords = {name: passwords.get(name) or secrets.token_hex(16) for name in databases}
        self._verifiers: dict[str, str] = {}
        self._server: PostgresServer

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the declared databases."""
        return tuple(self._databases)

    def start(self) -> None:
        self._server = self._await_server()
        for name, schema in self._databases.items():
            self._create_template(name, schema)
        self._drop_scratch()
        self.reset()

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        self._server = self._await_server()
        if state["server"] != self._server.ident:
            raise ServiceError("the stack's databases were in another server")
        self._passwords = dict(state["passwords"])
        self._drop_scratch()
        self.reset()

    def export_state(self) -> dict[str, Any]:
        return {"server": self._server.ident, "passwords": self._passwords, **self._server.export_state()}

    def reset(self) -> None:
        """Restore every declared database to its schema, and its owner to its initial state."""
        for name in self._databases:
            own = self._name_in_slot(name)
            self._reset_owner(name)
            self.clone(_template(own), own, owner=own)

    def _reset_owner(self, name: str) -> None:
        """Undo what the owner of the declared database `name` can change beside that database.

        An owner may create neither roles nor databases. It can change its own password and settings, protect its
        database from DROP, and make large objects in `postgres`, to which everyone can connect.
        """
        own = self._name_in_slot(name)
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
        """Set the password and remember its stored form, which takes Postgres 3 ms to compute."""
        role = self._name_in_slot(name)
        change = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        self._server.execute(change.format(sql.Identifier(role), sql.Literal(self._passwords[name])))
        stored = sql.SQL("SELECT rolpassword FROM pg_authid WHERE rolname = {}")
        self._verifiers[name] = str(self._server.execute(stored.format(sql.Literal(role)))[0][0])

    def clone(self, template: str, name: str, owner: str = SUPERUSER) -> None:
        """Replace database `name` by a copy of `template` (about 20 ms for 10 MB)."""
        self.drop(name)
        # Copy files, which is faster than the default of logging every page, as nothing is flushed to disk.
        strategy = " STRATEGY FILE_COPY" if self._server.version() >= SINCE_STRATEGY else ""
        self._server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}" + strategy).format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)
            )
        )

    def drop(self, name: str) -> None:
        self._server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def create(self, name: str) -> None:
        """Create an empty database for the superuser only, because it may become a template."""
        self._server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self._server.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))

    def rename(self, name: str, new: str) -> None:
        self._server.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new))
        )

    def exists(self, name: str) -> bool:
        query = sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}").format(sql.Literal(name))
        return bool(self._server.execute(query))

    def scratch_name(self) -> str:
        """Return a new database name. The slot's next process drops the database if needed."""
        return f"{self._scratch_prefix()}{secrets.token_hex(6)}"

    def url(self, database: str) -> str:
        """Return a libpq URL as the database's owner (the superuser for undeclared ones)."""
        if database not in self._databases:
            return self._server.url(SUPERUSER, self._server.password, database)
        own = self._name_in_slot(database)
        return self._server.url(own, self._passwords[database], own)

    def direct_url(self, database: str) -> str:
        """Return the libpq URL of an undeclared database, by the shortest way from this machine."""
        return self._server.direct_url(database)

    def connect(self, database: str, options: str = "") -> psycopg.Connection:
        """Return a new connection in autocommit mode.

        `options` are server settings, as `-c NAME=VALUE`.
        """
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=10, options=options)

    def major(self) -> int:
        return self._server.version() // 10000

    def server_version(self) -> str:
        """Return the version as the server gives it, e.g. `17.5`."""
        return str(self._server.execute(sql.SQL("SHOW {}").format(sql.SQL("server_version")))[0][0])

    def dump(self, database: str) -> bytes:
        """Return a dump of the database in pg_dump's custom format."""
        return self._server.run_tool(["pg_dump", "-Fc", database])

    def restore(self, database: str, archive: bytes) -> None:
        """Create the database from the result of dump()."""
        self.create(database)
        self._server.run_tool(["pg_restore", "--no-owner", "-d", database], archive)

    def mark_log(self) -> None:
        self._server.mark_log()

    def log_tail(self, lines: int) -> str:
        return self._server.log_tail(lines)

    def secrets(self) -> tuple[str, ...]:
        generated = (password for name, password in self._passwords.items() if name not in self._fixed)
        return (self._server.password, *generated)

    def close(self) -> None:
        """Close this process's connection to the server."""
        self._server.close()

    def _name_in_slot(self, name: str) -> str:
        """Return the declared database's name in this slot, never equal to a declared name."""
        return f"{name}_{self._slot}" if self._slot or re.search(r"_\d+$", name) else name

    def _scratch_prefix(self) -> str:
        return f"scratch_{self._slot}_"

    def _drop_scratch(self) -> None:
        query = sql.SQL("SELECT datname FROM pg_database WHERE starts_with(datname, {})")
        for (name,) in self._server.execute(query.format(sql.Literal(self._scratch_prefix()))):
            self.drop(str(name))

    def _create_template(self, name: str, schema: str) -> None:
        own = self._name_in_slot(name)
        for database in (own, _template(own)):
            self.drop(database)
        user, template = sql.Identifier(own), sql.Identifier(_template(own))
        if not self._server.execute(sql.SQL("SELECT 1 FROM pg_roles WHERE rolname = {}").format(sql.Literal(own))):
            self._server.execute(sql.SQL("CREATE ROLE {}").format(user))
        self._reset_owner(name)
        self._server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(template, user))
        with self.connect(_template(own)) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(user))
            load_schema(connection, name, schema)
        # The owner must not change the template. CREATE DATABASE fails if a session uses it.
        self._server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(template, sql.Identifier(SUPERUSER)))
        self._server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(template))


def _template(own: str) -> str:
    return f"{own}~template"
