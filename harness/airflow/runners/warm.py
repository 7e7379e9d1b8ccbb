"""The warm runner: each command is a fork of a warm host, a process in which Airflow has started (inside/host.py).

All that a host has read at its start has the same value for each of its runs: the home is a link that is renamed onto
the folder of the run, and the database is named by a service file that is written for the run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import Popen
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from harness.airflow.environment import run_environment
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.inside.host import SOCKET, WARM_UP_SECONDS
from harness.airflow.runners import ProcessResult, process
from harness.airflow.runners.host_key import host_key, lasting
from harness.errors import HostLostError
from harness.private import private_folder

START_TIMEOUT = WARM_UP_SECONDS + 5
BEGIN_TIMEOUT = 30.0
END_TIMEOUT = process.END_TIMEOUT
STALE_LIMIT = 2
LONGEST_PATH = 100
"""Bytes; the kernel takes 107, and the socket has another name, a little longer, until it listens."""
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
SCHEME = "postgresql+psycopg2"
SERVICE_FILE = "PGSERVICEFILE"
SERVICE_URL = f"{SCHEME}:///?service=run"


class NoHostError(Exception):
    """A host can't be started or reached. The message says why."""


class StaleHostError(Exception):
    """The host has ended before the run began, as it no longer equals a new process. The message says why."""


class SilentHostError(Exception):
    """The host had to be ended since it did not begin the run in time. The message says which one."""


@dataclass(frozen=True)
class Slot:
    """The folder of one host, which this process alone uses as long as it holds the lock."""

    folder: Path
    lock: FileLock

    @property
    def home(self) -> Path:
        """The home of every run: a link."""
        return self.folder / "home"

    @property
    def service_file(self) -> Path:
        """libpq's name for the run's database: host, port, name, user and password."""
        return self.folder / "pg_service.conf"

    @property
    def log(self) -> Path:
        """What the host printed."""
        return self.folder / "log"


@dataclass
class WarmRunner:
    """Runs by the hosts in `folder`, which end after `idle` seconds without one.

    `warm_up_database` lends the URL of a clean metadata database. `remark` is told, once, why this runner has gone over
    to new processes.
    """

    airflow: AirflowEnvironment
    folder: Path
    idle: float
    warm_up_database: Callable[[], AbstractContextManager[str]]
    remark: Callable[[str], None]
    _free: dict[str, list[Slot]] = field(default_factory=dict)
    _stale: int = 0
    _given_up: bool = False

    def execute(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult:
        """Do what process.execute does, in a fork of a host. Raises HostLostError if the host ended during the run."""
        if not self._given_up and (reason := unsuited(env)):
            self._give_up(reason)
        while not self._given_up:
            try:
                with self._slot(host_key(self.airflow, env)) as slot, self._connected(slot, env) as connection:
                    return run_in_host(connection, slot, command, env, folder, log_file, timeout)
            except NoHostError as error:
                self._give_up(str(error))
            except StaleHostError as error:
                self._stale += 1
                if self._stale >= STALE_LIMIT:
                    self._give_up(str(error))
            except SilentHostError as error:
                self.remark(f"runner: a new process made one run, since {error}")
                break
        return process.execute(command, env, folder, log_file, timeout)

    def close(self) -> None:
        """Leave the hosts, which live on, to others."""
        for slots in self._free.values():
            for slot in slots:
                slot.lock.release()
        self._free.clear()

    def _give_up(self, reason: str) -> None:
        self._given_up = True
        self.remark(f"runner: process, since {reason}; --runner process avoids this line")

    @contextmanager
    def _slot(self, key: str) -> Iterator[Slot]:
        """The first free slot of the key; runs at the same time have different ones."""
        free = self._free.setdefault(key, [])
        slot = free.pop() if free else claim(self.folder, key)
        try:
            yield slot
        finally:
            free.append(slot)

    @contextmanager
    def _connected(self, slot: Slot, env: Mapping[str, str]) -> Iterator[socket.socket]:
        connection = connect(slot.folder / SOCKET) or self._start(slot, env)
        with connection:
            yield connection

    def _start(self, slot: Slot, env: Mapping[str, str]) -> socket.socket:
        """Start a host there, and connect to it when it is warm."""
        path = slot.folder / SOCKET
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise NoHostError(f"{path} is too long for a socket: set XDG_RUNTIME_DIR to a folder with a shorter path")
        home, dags_folder = slot.folder / "warm-up", slot.folder / "dags"
        for folder in (home, dags_folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        path.unlink(missing_ok=True)
        with self.warm_up_database() as url, slot.log.open("wb") as log:
            fresh = run_environment(self.airflow.python, home, dags_folder, url, {}, {})
            warm_up = constant(slot, {**fresh, **lasting(env)})
            command = self.airflow.inside("host", str(slot.folder), str(self.idle))
            control, supervisor = process.start(command, warm_up, slot.folder, log, lasting=True)
            control.close()
            connection = await_host(supervisor, slot)
        supervisor.returncode = 0  # it outlives this process; without a code, Popen would warn of that
        return connection


def unsuited(env: Mapping[str, str]) -> str | None:
    """Say why no host can make a run with this environment; None if one can."""
    if SERVICE_FILE in env:
        return f"the warm runner needs the variable {SERVICE_FILE}, which this project sets"
    if not env.get(DATABASE, "").startswith(f"{SCHEME}://"):
        return f"the warm runner needs a metadata database on Postgres by psycopg2, and {DATABASE} is of another kind"
    return None


def constant(slot: Slot, env: Mapping[str, str]) -> dict[str, str]:
    """Point the slot's link and service file at the run, and return its environment with these in place of its own."""
    home = env["AIRFLOW_HOME"]
    link = slot.folder / "home.new"
    link.unlink(missing_ok=True)
    link.symlink_to(home)
    link.rename(slot.home)
    write_service(slot.service_file, env[DATABASE])
    values = {name: value.replace(home, str(slot.home)) for name, value in env.items()}
    return {**values, DATABASE: SERVICE_URL, SERVICE_FILE: str(slot.service_file)}


def write_service(file: Path, url: str) -> None:
    """Describe the database at `url` as libpq's service `run`."""
    parts = urlsplit(url)
    facts = {
        "host": parts.hostname,
        "port": parts.port,
        "dbname": unquote(parts.path.removeprefix("/")),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    partial = file.with_suffix(".new")
    partial.touch(0o600)
    partial.write_text("".join(["[run]\n", *(f"{name}={value}\n" for name, value in facts.items() if value)]))
    partial.rename(file)


def run_in_host(
    connection: socket.socket,
    slot: Slot,
    command: Sequence[str],
    env: Mapping[str, str],
    folder: Path,
    log_file: Path,
    timeout: float,
) -> ProcessResult:
    """Raises StaleHostError or SilentHostError if the run did not begin, HostLostError if the host ended after that."""
    host = peer(connection)
    order = {
        "do": "run",
        "command": list(command),
        "env": constant(slot, env),
        "folder": str(folder),
        "log": str(log_file),
        "umask": umask(),
    }
    began = time.monotonic()
    await_begin(connection, host, slot, order)
    try:
        exit_code = await_exit(connection, host, timeout)
    except (OSError, ValueError) as error:
        raise HostLostError(
            f"the warm host, process {host}, ended during the run: see its log {slot.log}, then run again"
        ) from error
    seconds = time.monotonic() - began
    log = log_file.read_text(errors="replace").replace(str(slot.home), env["AIRFLOW_HOME"])
    return ProcessResult(exit_code, log, seconds)


def await_begin(connection: socket.socket, host: int, slot: Slot, order: Mapping[str, object]) -> None:
    """Raises StaleHostError, or SilentHostError when it has ended a host that did not answer in time."""
    connection.settimeout(BEGIN_TIMEOUT)
    try:
        connection.sendall(json.dumps(order).encode() + b"\n")
        answer = process.read_line(connection)
    except TimeoutError as error:
        end(host)
        raise SilentHostError(
            f"the warm host, process {host}, did not begin it within {BEGIN_TIMEOUT:g} s (its log: {slot.log})"
        ) from error
    except (OSError, ValueError) as error:
        raise StaleHostError(f"the warm host, process {host}, ended before the run (its log: {slot.log})") from error
    if "began" not in answer:
        raise StaleHostError(f"the warm host keeps going stale ({answer.get('stale', f'see {slot.log}')})")


def await_exit(connection: socket.socket, host: int, timeout: float) -> int | None:
    """Return the exit code; None if the run had to be ended after `timeout` seconds."""
    connection.settimeout(timeout)
    try:
        return int(process.read_line(connection)["exit_code"])
    except TimeoutError:
        end_run(connection, host)
        return None
    except (OSError, ValueError):
        raise
    except BaseException:  # Ctrl-C: when this returns, the run has ended
        end_run(connection, host)
        raise


def end_run(connection: socket.socket, host: int) -> None:
    """End the run, or else the host with it."""
    connection.settimeout(END_TIMEOUT)
    try:
        connection.sendall(b"end\n")
        process.read_line(connection)
    except (OSError, ValueError):
        end(host)


def end(host: int) -> None:
    """Kill a host; its supervisor ends all that it started."""
    with suppress(ProcessLookupError):
        os.kill(host, signal.SIGKILL)


def claim(folder: Path, key: str) -> Slot:
    """Take the lowest slot of the key that no other process has."""
    for number in count():
        lock = FileLock(folder / f"{key}-{number}.lock", thread_local=False)
        with suppress(Timeout):
            lock.acquire(timeout=0)
            slot = Slot(folder / f"{key}-{number}", lock)
            slot.folder.mkdir(mode=0o700, exist_ok=True)
            return slot
    raise AssertionError("unreachable")


def await_host(supervisor: Popen[bytes], slot: Slot) -> socket.socket:
    """Raises NoHostError if the host ends, or is not warm in time."""
    deadline = time.monotonic() + START_TIMEOUT
    try:
        while time.monotonic() < deadline:
            if connection := connect(slot.folder / SOCKET):
                return connection
            if supervisor.poll() is not None:
                raise NoHostError(f"no warm host could be started, see {slot.log}")
            time.sleep(0.02)
        raise NoHostError(f"the warm host was not warm after {START_TIMEOUT:g} s, see {slot.log}")
    except BaseException:
        supervisor.kill()  # the host ends with its parent
        supervisor.wait()
        raise


def connect(path: Path) -> socket.socket | None:
    """Return a connection to the host that listens there; None if there is none."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(BEGIN_TIMEOUT)
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


def umask() -> int:
    """Python can read it only by setting it, which other threads would feel."""
    with open("/proc/self/status") as lines:  # noqa: PTH123 - a file of the kernel's
        return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))


def hosts_folder(root: Path) -> Path:
    """The folder of the hosts of this user and the checkout at `root`."""
    folder = private_folder(root) / "hosts"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@dataclass(frozen=True)
class HostFacts:
    """`runs`: how many it is making, 0 or 1. `preloaded`: how many modules it imported for later runs."""

    pid: int
    runs: int
    preloaded: int


def living_hosts(folder: Path) -> list[HostFacts]:
    """Ask each host in the folder for its facts; one that does not answer in time is ended."""
    return [HostFacts(**facts) for facts in ask_hosts(folder, "tell") if facts]


def end_hosts(folder: Path) -> int:
    """End the hosts in the folder, after the runs that they make, and return how many there were."""
    return len(ask_hosts(folder, "end"))


def ask_hosts(folder: Path, what: str) -> list[dict[str, int]]:
    """Return the answers; an empty one of a host that had to be killed."""
    answers: list[dict[str, int]] = []
    for path in folder.glob(f"*/{SOCKET}"):
        connection = connect(path)
        if connection is None:
            path.unlink(missing_ok=True)
            continue
        with connection:
            connection.settimeout(END_TIMEOUT)
            try:
                connection.sendall(json.dumps({"do": what}).encode() + b"\n")
                answers.append(process.read_line(connection))
            except (OSError, ValueError):
                end(peer(connection))
                answers.append({})
    return answers
