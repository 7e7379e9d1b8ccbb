"""Airflow's metadata database: migrated once for a set of versions, cloned for every run.

A dump of the migrated template stays in the user's cache folder. Only the first test run on a machine with these
versions pays for a migration (5 to 8 s).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
from filelock import FileLock

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import Execute, process
from harness.errors import RunError, ServiceError

MIGRATION_TIMEOUT = 300.0
SET_POOL = """
INSERT INTO slot_pool (pool, slots, description, include_deferred) VALUES (%s, %s, '', false)
ON CONFLICT (pool) DO UPDATE SET slots = excluded.slots
"""


class Server(Protocol):
    """The server of the metadata databases (harness.services.postgres.PostgresService)."""

    def direct_url(self, database: str) -> str: ...
    def scratch_name(self) -> str: ...
    def exists(self, name: str) -> bool: ...
    def create(self, name: str) -> None: ...
    def clone(self, template: str, name: str) -> None: ...
    def rename(self, name: str, new: str) -> None: ...
    def drop(self, name: str) -> None: ...
    def dump(self, database: str) -> bytes: ...
    def restore(self, database: str, archive: bytes) -> None: ...
    def major(self) -> int: ...


def template_name(airflow: AirflowEnvironment) -> str:
    """Return the template's name; a reused server may have templates of several versions."""
    return f"airflow_template_{_key(airflow)}"


def dump_file(airflow: AirflowEnvironment, server: Server, cache_dir: Path) -> Path:
    """Return the path of the dump of these versions' template."""
    return cache_dir / "metadata" / f"{_key(airflow, server.major())}.dump"


def _key(airflow: AirflowEnvironment, *more: object) -> str:
    parts = (airflow.airflow_packages, airflow.python_minor, *more)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def ensure_template(
    airflow: AirflowEnvironment,
    server: Server,
    cache_dir: Path,
    work_dir: Path,
    execute: Execute = process.execute,
) -> None:
    """Create the migrated template from the cached dump, else by `airflow db migrate`.

    `execute` runs this command. The template gets its name only when complete, because other workers use it as soon as
    the name exists. Raises RunError if the migration fails.
    """
    template = template_name(airflow)
    if server.exists(template):
        return
    file = dump_file(airflow, server, cache_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock"), timeout=2 * MIGRATION_TIMEOUT):
        if server.exists(template):
            return
        name = server.scratch_name()
        if not _restore(server, file, name):
            server.create(name)
            _migrate(airflow, server, name, work_dir, execute)
            partial = file.with_suffix(".partial")
            partial.write_bytes(server.dump(name))
            partial.replace(file)
        server.rename(name, template)


def _restore(server: Server, file: Path, name: str) -> bool:
    if not file.exists():
        return False
    try:
        server.restore(name, file.read_bytes())
    except ServiceError:
        # The dump is damaged; the caller creates a new one.
        server.drop(name)
        file.unlink()
        return False
    return True


@contextmanager
def fresh_database(
    airflow: AirflowEnvironment,
    server: Server,
    pools: Mapping[str, int] | None = None,
    keep: Path | None = None,
) -> Iterator[str]:
    """Yield the libpq URL of a clean metadata database with the pools; drop it afterwards.

    A dump of the first database that is used without an error stays in the file `keep`.
    """
    name = server.scratch_name()
    server.clone(template_name(airflow), name)
    try:
        url = server.direct_url(name)
        if pools:
            with psycopg.connect(url) as connection:
                connection.cursor().executemany(SET_POOL, pools.items())
        yield url
        if keep and not keep.exists():
            partial = keep.with_suffix(f".{name}")
            partial.write_bytes(server.dump(name))
            partial.replace(keep)
    finally:
        server.drop(name)


def _migrate(airflow: AirflowEnvironment, server: Server, database: str, work_dir: Path, execute: Execute) -> None:
    empty = work_dir / "no-dags"
    empty.mkdir(parents=True, exist_ok=True)
    env = run_environment(airflow, work_dir, empty, server.direct_url(database), {}, {})
    result = execute(airflow.airflow("db", "migrate"), env, work_dir, work_dir / "migrate.log", MIGRATION_TIMEOUT)
    if result.exit_code != 0:
        server.drop(database)
        raise RunError(f"`airflow db migrate` exited with {result.exit_code}: see {work_dir / 'migrate.log'}")
