"""The warm runner: each command is a fork of a warm host (inside/host.py).

Every value that a host reads at its start is constant over its runs: the home is a link to the folder of the current
run, and the database URL refers to a Postgres service file that is written for each run.
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
from harness.airflow.inside.host import NO_PRELOADING, SOCKET, WARM_UP_SECONDS
from harness.airflow.layout import link_config
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import ProcessResult, process
from harness.airflow.runners.host_key import find_config_folder, host_key, select_startup
from harness.airflow.runners.process import read_line, send_line
from harness.airflow.waits import install_policy
from harness.errors import HostLostError
from harness.progress import SILENT, Progress, announce
from harness.shown_text import shown_text

START_TIMEOUT = WARM_UP_SECONDS + 5
BEGIN_TIMEOUT = 30.0
END_TIMEOUT = process.END_TIMEOUT
STALE_LIMIT = 2
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
SERVICE_FILE = "PGSERVICEFILE"
SERVICE_URL = "postgresql+psycopg2:///?service=run"


class NoHostError(Exception):
    """No host could be started. The message says why."""


class StaleHostError(Exception):
    """The host ended before the run, as it differs from a new process. The message says why."""


class SilentHostError(Exception):
    """The host was killed because it did not begin the run in time. The message names it."""


@dataclass
class WarmRunner:
    """Execute commands by the hosts in `folder`, which end after `idle` seconds without a run.

    `warm_up_database` yields the URL of a clean metadata database. `remark` is called with a line for the user that
    says why the process runner replaces this runner.
    """

    airflow: AirflowEnvironment
    folder: Path
    idle: float
    warm_up_database: Callable[[], AbstractContextManager[str]]
    remark: Callable[[str], None]
    progress: Progress = SILENT
    _free: dict[str, list[Path]] = field(default_factory=dict)
    _locks: list[FileLock] = field(default_factory=list)
    _stale: int = 0
    _given_up: bool = False

    def execute(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult:
        """Do what process.execute does, in a fork. Raises HostLostError if the host ends."""
        request = {"command": list(command), "folder": str(folder), "log": str(log_file)}
        if SERVICE_FILE in env and not self._given_up:
            self._give_up(f"the warm runner needs the variable {SERVICE_FILE}, which this project sets")
        while not self._given_up:
            key = host_key(self.airflow, env)
            free = self._free.setdefault(key, [])
            slot = free.pop() if free else self._claim(key)  # concurrent runs use different slots
            try:
                with connect(slot / SOCKET) or self._start(slot, env) as connection:
                    return run_in_host(connection, slot, request, env, timeout)
            except NoHostError as error:
                self._give_up(str(error))
            except StaleHostError as error:
                self._stale += 1
                if self._stale >= STALE_LIMIT:
                    self._give_up(str(error))
            except SilentHostError as error:
                self.remark(f"runner: process for one run, because {error}")
                break
            finally:
                free.append(slot)
        return process.execute(command, env, folder, log_file, timeout)

    def close(self) -> None:
        """Release the hosts, which keep running, to other processes."""
        for lock in self._locks:
            lock.release()
        self._free, self._locks = {}, []

    def _claim(self, key: str) -> Path:
        """Lock the lowest free slot of the key: the folder of one host."""
        for number in count():
            lock = FileLock(self.folder / f"{key}-{number}.lock", thread_local=False)
            with suppress(Timeout):
                lock.acquire(timeout=0)
                break
        self._locks.append(lock)
        slot = self.folder / f"{key}-{number}"
        slot.mkdir(mode=0o700, exist_ok=True)
        (slot / NO_PRELOADING).unlink(missing_ok=True)
        return slot

    def _give_up(self, reason: str) -> None:
        self._given_up = True
        self.remark(f"runner: process, because {reason}; HARNESS_RUNNER=process avoids this line")

    def _start(self, slot: Path, env: Mapping[str, str]) -> socket.socket:
        """Start a host in the slot, and connect to the host when it is warm."""
        for folder in (home := slot / "warm-up", dags_folder := slot / "dags"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        if config := find_config_folder(env):
            link_config(home, Path(config))
        install_policy(home)  # in each host, because it serves runs with short and with real waits
        waiting = announce(self.progress, "warm host", f"starting Airflow {self.airflow.airflow_version}, once")
        with waiting, self.warm_up_database() as url, (slot / "log").open("wb") as log:
            fresh = run_environment(self.airflow, home, dags_folder, url, {}, {})
            command = self.airflow.inside("host", str(slot), str(self.idle))
            warm_up = point_slot_at_run(slot, {**fresh, **select_startup(env)})
            control, supervisor = process.start(command, warm_up, slot, log, detached=True)
            control.close()
            connection = await_host(supervisor, slot)
        supervisor.returncode = 0  # prevents Popen's warning about the supervisor, which outlives this process
        return connection


def point_slot_at_run(slot: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Point the slot's link and service file at the run; return the run's new environment."""
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
    connection: socket.socket, slot: Path, request: Mapping[str, Any], env: Mapping[str, str], timeout: float
) -> ProcessResult:
    """Execute the request; a StaleHostError or SilentHostError means that no run began."""
    pid, began = get_peer_pid(connection), time.monotonic()
    host, host_log = f"the warm host, process {pid},", slot / "log"
    try:
        connection.settimeout(BEGIN_TIMEOUT)
        send_line(connection, {**request, "env": point_slot_at_run(slot, env)})
        answer = read_line(connection, BEGIN_TIMEOUT)
    except TimeoutError as error:
        end_host(pid)
        raise SilentHostError(f"{host} did not begin the run within {BEGIN_TIMEOUT:g} s: see {host_log}") from error
    except (OSError, ValueError) as error:
        raise StaleHostError(f"{host} ended before the run: see {host_log}") from error
    if "began" not in answer:
        raise StaleHostError(f"the warm host keeps going stale ({answer.get('stale', 'its fork failed')})")
    try:
        exit_code = await_exit(connection, pid, timeout)
    except (OSError, ValueError) as error:
        raise HostLostError(f"{host} ended during the run: see {host_log}, then run again") from error
    seconds = time.monotonic() - began
    log = Path(request["log"]).read_text(errors="replace").replace(str(slot / "home"), env["AIRFLOW_HOME"])
    return ProcessResult(exit_code, shown_text(log), seconds)


def await_exit(connection: socket.socket, host: int, timeout: float) -> int | None:
    """Return the run's exit code; None if the run was ended after `timeout` seconds."""
    try:
        return int(read_line(connection, timeout)["exit_code"])
    except BaseException as error:
        late = isinstance(error, TimeoutError)
        if late or not isinstance(error, Exception):  # end the run on Ctrl-C too
            try:
                connection.shutdown(socket.SHUT_WR)
                read_line(connection, END_TIMEOUT)
            except (OSError, ValueError):
                end_host(host)
        if late:
            return None
        raise


def end_host(host: int, by: signal.Signals = signal.SIGKILL) -> None:
    """End a host with all its descendants; SIGTERM lets the current run finish."""
    with suppress(ProcessLookupError):
        os.kill(host, by)


def await_host(supervisor: Popen[bytes], slot: Path) -> socket.socket:
    """Connect to the host as soon as it is warm, or raise NoHostError."""
    deadline = time.monotonic() + START_TIMEOUT
    try:
        while time.monotonic() < deadline and supervisor.poll() is None:
            if connection := connect(slot / SOCKET):
                return connection
            time.sleep(0.02)
        raise NoHostError(f"no warm host could be started, see {slot / 'log'}")
    except BaseException:
        supervisor.kill()  # the host ends with its parent, the supervisor
        supervisor.wait()
        raise


def connect(path: Path) -> socket.socket | None:
    """Return a connection to the host that listens on `path`; None if no host does."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def get_peer_pid(connection: socket.socket) -> int:
    """Return the id of the process at the other end."""
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid)


def living_hosts(folder: Path) -> dict[Path, int]:
    """Return the process id of each host by its socket; remove sockets of dead hosts."""
    hosts: dict[Path, int] = {}
    for path in folder.glob(f"*/{SOCKET}"):
        if connection := connect(path):
            with connection:
                hosts[path] = get_peer_pid(connection)
        else:
            path.unlink(missing_ok=True)
    return hosts


def end_hosts(folder: Path) -> int:
    """End the hosts in the folder, busy ones after their run; return their number."""
    hosts = living_hosts(folder)
    for path, pid in hosts.items():
        path.unlink(missing_ok=True)
        try:
            with FileLock(f"{path.parent}.lock").acquire(timeout=0):
                end_host(pid)
        except Timeout:
            end_host(pid, signal.SIGTERM)
    return len(hosts)
