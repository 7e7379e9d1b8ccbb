"""The warm runner: each command is a fork of a warm host, a process in which Airflow has started (inside/host.py).

All that a host has read at its start has the same value for each of its runs: the home is a link that is renamed onto
the folder of the run, and the database is named by a service file that is written for the run.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.inside.host import SOCKET, WARM_UP_SECONDS
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import ProcessResult, process
from harness.airflow.runners.host_key import host_key, lasting
from harness.airflow.runners.process import read_line, send_line
from harness.errors import HostLostError
from harness.runtime_dir import runtime_dir

START_TIMEOUT = WARM_UP_SECONDS + 5
BEGIN_TIMEOUT = 30.0
END_TIMEOUT = process.END_TIMEOUT
STALE_LIMIT = 2
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
SERVICE_FILE = "PGSERVICEFILE"
SERVICE_URL = "postgresql+psycopg2:///?service=run"


class NoHostError(Exception):
    """A host can't be started. The message says why."""


class StaleHostError(Exception):
    """The host ended before the run began, as it no longer equals a new process. The message says why."""


class SilentHostError(Exception):
    """The host had to be ended since it did not begin the run in time. The message says which one."""


@dataclass
class WarmRunner:
    """Runs by the hosts in `folder`, which end after `idle` seconds without one.

    `warm_up_database` lends the URL of a clean metadata database. `remark` takes a line for the user, which says why a
    new process makes a run.
    """

    airflow: AirflowEnvironment
    folder: Path
    idle: float
    warm_up_database: Callable[[], AbstractContextManager[str]]
    remark: Callable[[str], None]
    _free: dict[str, list[Path]] = field(default_factory=dict)
    _locks: list[FileLock] = field(default_factory=list)
    _stale: int = 0
    _given_up: bool = False

    def execute(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult:
        """Do what process.execute does, in a fork of a host. Raises HostLostError if the host ended during the run."""
        order = {"command": list(command), "folder": str(folder), "log": str(log_file)}
        if SERVICE_FILE in env and not self._given_up:
            self._give_up(f"the warm runner needs the variable {SERVICE_FILE}, which this project sets")
        while not self._given_up:
            key = host_key(self.airflow, env)
            free = self._free.setdefault(key, [])
            slot = free.pop() if free else self._claim(key)  # runs at the same time have different ones
            try:
                with connect(slot / SOCKET) or self._start(slot, env) as connection:
                    return run_in_host(connection, slot, order, env, timeout)
            except NoHostError as error:
                self._give_up(str(error))
            except StaleHostError as error:
                self._stale += 1
                if self._stale >= STALE_LIMIT:
                    self._give_up(str(error))
            except SilentHostError as error:
                self.remark(f"runner: a new process made one run, since {error}")
                break
            finally:
                free.append(slot)
        return process.execute(command, env, folder, log_file, timeout)

    def close(self) -> None:
        """Leave the hosts, which live on, to others."""
        for lock in self._locks:
            lock.release()
        self._free, self._locks = {}, []

    def _claim(self, key: str) -> Path:
        """Take the lowest slot of the key, the folder of one host, that no other process has."""
        for number in count():
            lock = FileLock(self.folder / f"{key}-{number}.lock", thread_local=False)
            with suppress(Timeout):
                lock.acquire(timeout=0)
                break
        self._locks.append(lock)
        slot = self.folder / f"{key}-{number}"
        slot.mkdir(mode=0o700, exist_ok=True)
        return slot

    def _give_up(self, reason: str) -> None:
        self._given_up = True
        self.remark(f"runner: process, since {reason}; --runner process avoids this line")

    def _start(self, slot: Path, env: Mapping[str, str]) -> socket.socket:
        """Start a host there, and connect to it when it is warm."""
        for folder in (home := slot / "warm-up", dags_folder := slot / "dags"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        with self.warm_up_database() as url, (slot / "log").open("wb") as log:
            fresh = run_environment(self.airflow.python, home, dags_folder, url, {}, {})
            command = self.airflow.inside("host", str(slot), str(self.idle))
            warm_up = constant(slot, {**fresh, **lasting(env)})
            control, supervisor = process.start(command, warm_up, slot, log, lasting=True)
            control.close()
            connection = await_host(supervisor, slot)
        supervisor.returncode = 0  # it outlives this process; without a code, Popen would warn of that
        return connection


def constant(slot: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Point the slot's link and service file at the run, and return its environment with these in place of its own."""
    run_home, home, service_file = env["AIRFLOW_HOME"], slot / "home", slot / "pg_service.conf"
    parts = urlsplit(env[DATABASE])
    facts = {"host": parts.hostname, "port": parts.port, "dbname": unquote(parts.path.removeprefix("/"))}
    facts |= {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    partial = slot / "new"
    partial.unlink(missing_ok=True)
    partial.touch(0o600)
    partial.write_text("".join(["[run]\n", *(f"{name}={value}\n" for name, value in facts.items() if value)]))
    partial.rename(service_file)
    partial.symlink_to(run_home)
    partial.rename(home)
    values = {name: value.replace(run_home, str(home)) for name, value in env.items()}
    return {**values, DATABASE: SERVICE_URL, SERVICE_FILE: str(service_file)}


def run_in_host(
    connection: socket.socket, slot: Path, order: Mapping[str, Any], env: Mapping[str, str], timeout: float
) -> ProcessResult:
    """Raises StaleHostError or SilentHostError if the run did not begin, HostLostError if the host ended after that."""
    pid, began = peer(connection), time.monotonic()
    host, host_log = f"the warm host, process {pid},", slot / "log"
    try:
        connection.settimeout(BEGIN_TIMEOUT)
        send_line(connection, {**order, "env": constant(slot, env)})
        answer = read_line(connection, BEGIN_TIMEOUT)
    except TimeoutError as error:
        end(pid)
        raise SilentHostError(f"{host} did not begin it within {BEGIN_TIMEOUT:g} s: see {host_log}") from error
    except (OSError, ValueError) as error:
        raise StaleHostError(f"{host} ended before the run: see {host_log}") from error
    if "began" not in answer:
        raise StaleHostError(f"the warm host keeps going stale ({answer.get('stale', 'its fork failed')})")
    try:
        exit_code = await_exit(connection, pid, timeout)
    except (OSError, ValueError) as error:
        raise HostLostError(f"{host} ended during the run: see {host_log}, then run again") from error
    seconds = time.monotonic() - began
    log = Path(order["log"]).read_text(errors="replace").replace(str(slot / "home"), env["AIRFLOW_HOME"])
    return ProcessResult(exit_code, log, seconds)


def await_exit(connection: socket.socket, host: int, timeout: float) -> int | None:
    """Return the exit code; None if the run had to be ended after `timeout` seconds."""
    try:
        return int(read_line(connection, timeout)["exit_code"])
    except BaseException as error:
        late = isinstance(error, TimeoutError)
        if late or not isinstance(error, Exception):  # Ctrl-C: when this returns, the run has ended
            try:
                connection.shutdown(socket.SHUT_WR)
                read_line(connection, END_TIMEOUT)
            except (OSError, ValueError):
                end(host)
        if late:
            return None
        raise


def end(host: int, by: signal.Signals = signal.SIGKILL) -> None:
    """End a host, whose supervisor ends all that it started; by SIGTERM, it makes its run first."""
    with suppress(ProcessLookupError):
        os.kill(host, by)


def await_host(supervisor: Popen[bytes], slot: Path) -> socket.socket:
    """Raises NoHostError if the host ends, or is not warm in time."""
    deadline = time.monotonic() + START_TIMEOUT
    try:
        while time.monotonic() < deadline and supervisor.poll() is None:
            if connection := connect(slot / SOCKET):
                return connection
            time.sleep(0.02)
        raise NoHostError(f"no warm host could be started, see {slot / 'log'}")
    except BaseException:
        supervisor.kill()  # the host ends with its parent
        supervisor.wait()
        raise


def connect(path: Path) -> socket.socket | None:
    """Return a connection to the host that listens there; None if there is none."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def peer(connection: socket.socket) -> int:
    """The process that listens at the other end."""
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid)


def hosts_folder(root: Path) -> Path:
    """The folder of the hosts of this user and the checkout at `root`."""
    folder = runtime_dir(root) / "hosts"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def living_hosts(folder: Path) -> dict[Path, int]:
    """Return the process id of each host in the folder, by its socket; remove the sockets of dead ones."""
    found: dict[Path, int] = {}
    for path in folder.glob(f"*/{SOCKET}"):
        if connection := connect(path):
            with connection:
                found[path] = peer(connection)
        else:
            path.unlink(missing_ok=True)
    return found


def end_hosts(folder: Path) -> int:
    """End the hosts in the folder, those that a process uses after their run, and return how many there were."""
    hosts = living_hosts(folder)
    for path, pid in hosts.items():
        path.unlink(missing_ok=True)
        try:
            with FileLock(f"{path.parent}.lock").acquire(timeout=0):
                end(pid)
        except Timeout:
            end(pid, signal.SIGTERM)
    return len(hosts)
