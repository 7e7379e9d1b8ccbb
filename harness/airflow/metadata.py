"""Airflow's metadata database: migrated once for each set of versions, then cloned for every run.

The migrated template is kept as a dump in the user's cache folder, so that only the first test run on a machine with
these versions pays for a migration (5 to 8 s).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.run_environment import run_environment
from harness.airflow.runners.process import execute
from harness.errors import RunError, ServiceError

MIGRATION_TIMEOUT = 300.0


class Server(Protocol):
    """The Postgres that holds metadata databases (harness.services.postgres.PostgresService)."""

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
    """The template of these versions: a server that is kept serves others in turn."""
    return f"airflow_template_{_key(airflow)}"


def dump_file(airflow: AirflowEnvironment, server: Server, cache_dir: Path) -> Path:
    """Where the template of these versions is kept."""
    return cache_dir / "metadata" / f"{_key(airflow, server.major())}.dump"


def _key(airflow: AirflowEnvironment, *more: object) -> str:
    parts = (airflow.airflow_packages, airflow.python_minor, *more)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def ensure_template(airflow: AirflowEnvironment, server: Server, cache_dir: Path, work_dir: Path) -> None:
    """Puts the migrated template in place: from the cached dump, else by `airflow db migrate`, then cached.

    It gets its name when it is complete, since another worker may look at any moment. Raises RunError where the
    migration fails.
    """
    template = template_name(airflow)
    if server.exists(template):
        return
    file = dump_file(airflow, server, cache_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if server.exists(template):
            return
        made = server.scratch_name()
        if not _restored(server, file, made):
            server.create(made)
            _migrate(airflow, server, made, work_dir)
            partial = file.with_suffix(".partial")
            partial.write_bytes(server.dump(made))
            partial.replace(file)
        server.rename(made, template)


def _restored(server: Server, file: Path, made: str) -> bool:
    if not file.exists():
        return False
    try:
        server.restore(made, file.read_bytes())
    except ServiceError:
        # A damaged dump is made anew.
        server.drop(made)
        file.unlink()
        return False
    return True


@contextmanager
def fresh_database(airflow: AirflowEnvironment, server: Server) -> Iterator[str]:
    """The libpq URL of a clean metadata database, which is dropped afterwards."""
    name = server.scratch_name()
    server.clone(template_name(airflow), name)
    try:
        yield server.direct_url(name)
    finally:
        server.drop(name)


def _migrate(airflow: AirflowEnvironment, server: Server, database: str, work_dir: Path) -> None:
    empty = work_dir / "no-dags"
    empty.mkdir(parents=True, exist_ok=True)
    done = execute(
        airflow.airflow("db", "migrate"),
        run_environment(airflow.python, work_dir, empty, server.direct_url(database), {}, {}),
        work_dir,
        work_dir / "migrate.log",
        MIGRATION_TIMEOUT,
    )
    if done.exit_code != 0:
        server.drop(database)
        raise RunError(f"`airflow db migrate` ended with {done.exit_code}; its log: {work_dir / 'migrate.log'}")
