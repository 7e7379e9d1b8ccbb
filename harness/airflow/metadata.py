"""Airflow's metadata database: migrated once for each set of versions, then cloned for every run.

The migrated template is kept as a dump in the user's cache folder, so that only the first test run on a machine with
these versions pays for a migration (5 to 8 s).
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from harness.airflow.environment import run_environment
from harness.airflow.process import execute
from harness.errors import RunError, ServiceError

TEMPLATE = "airflow_template"
MIGRATION_TIMEOUT = 300.0


class Server(Protocol):
    """The Postgres that holds metadata databases (harness.services.postgres.PostgresService)."""

    def url(self, database: str) -> str: ...
    def exists(self, name: str) -> bool: ...
    def create(self, name: str) -> None: ...
    def clone(self, template: str, name: str) -> None: ...
    def drop(self, name: str) -> None: ...
    def dump(self, database: str) -> bytes: ...
    def restore(self, database: str, archive: bytes) -> None: ...
    def major(self) -> int: ...


def versions() -> dict[str, str]:
    """Airflow's and its providers' distributions with their versions."""
    found = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    return {name: version for name, version in sorted(found.items()) if name.startswith("apache-airflow")}


def dump_file(server: Server, cache_dir: Path) -> Path:
    """Where the template of these versions is kept."""
    key = hashlib.sha256(repr((versions(), server.major(), sys.version_info[:2])).encode()).hexdigest()[:16]
    return cache_dir / "metadata" / f"{key}.dump"


def ensure_template(server: Server, cache_dir: Path, work_dir: Path) -> None:
    """Puts the migrated template in place: from the cached dump, else by `airflow db migrate`, then cached.

    Raises RunError where the migration fails.
    """
    if server.exists(TEMPLATE):
        return
    file = dump_file(server, cache_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if file.exists():
            try:
                server.restore(TEMPLATE, file.read_bytes())
            except ServiceError:
                # A damaged dump is made anew.
                server.drop(TEMPLATE)
                file.unlink()
            else:
                return
        server.create(TEMPLATE)
        _migrate(server, work_dir)
        partial = file.with_suffix(".partial")
        partial.write_bytes(server.dump(TEMPLATE))
        partial.replace(file)


@contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """The libpq URL of a clean metadata database, which is dropped afterwards."""
    name = f"airflow_{secrets.token_hex(6)}"
    server.clone(TEMPLATE, name)
    try:
        yield server.url(name)
    finally:
        server.drop(name)


def _migrate(server: Server, work_dir: Path) -> None:
    empty = work_dir / "no-dags"
    empty.mkdir(parents=True, exist_ok=True)
    done = execute(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        run_environment(work_dir, empty, server.url(TEMPLATE), {}, {}),
        work_dir,
        work_dir / "migrate.log",
        MIGRATION_TIMEOUT,
    )
    if done.exit_code != 0:
        server.drop(TEMPLATE)
        raise RunError(f"`airflow db migrate` ended with {done.exit_code}; its log: {work_dir / 'migrate.log'}")
