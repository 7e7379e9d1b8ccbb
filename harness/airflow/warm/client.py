"""Gives orders to warm hosts, and starts one where none fits."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from filelock import FileLock
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

import harness
from harness.airflow import watchdog
from harness.airflow.environment import run_environment
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.process import Finished
from harness.airflow.warm.key import host_key, lasting
from harness.errors import HostLostError, RunError
from harness.private import private_folder

LOST = "the warm host went away during a run: was it killed?"
START_TIMEOUT = 120.0
END_TIMEOUT = 15.0
ATTEMPTS = 3
BOOT = """
import sys
sys.path.insert(1, sys.argv[1])
from harness.airflow.warm import host
del sys.path[1]  # a run finds the harness only where a fresh process would
host.main()
"""


@dataclass(frozen=True)
class WarmHosts:
    """The hosts of one user and checkout. `folder` is private to them; `idle` in seconds.

    `rehearsal_database` lends the URL of a clean metadata database.
    """

    airflow: AirflowEnvironment
    folder: Path
    idle: float
    rehearsal_database: Callable[[], AbstractContextManager[str]]

    def execute(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> Finished:
        """What process.execute does, in a fork of a host.

        Raises HostLostError where the host went away meanwhile, RunError where none can be started.
        """
        order = {
            "do": "run",
            "command": list(command),
            "env": dict(env),
            "folder": str(folder),
            "log": str(log_file),
            "umask": _umask(),
        }
        for _ in range(ATTEMPTS):
            with self._connected(env) as connection:
                began = time.monotonic()
                answer = _ask(connection, order, timeout)
            if "stale" not in answer:
                break
        else:
            raise RunError(f"no warm host stays fit for a run ({answer['stale']}): use --runner process")
        if answer["hurt"] and "timed_out" not in answer:
            raise HostLostError(f"the warm host could not fork a run; what it says: {log_file}")
        log = log_file.read_text(errors="replace") if log_file.exists() else ""
        exit_code = None if "timed_out" in answer else answer["exit_code"]
        return Finished(exit_code, log, time.monotonic() - began)

    @contextmanager
    def _connected(self, env: Mapping[str, str]) -> Iterator[socket.socket]:
        key = host_key(self.airflow, env)
        path = self.folder / f"{key}.sock"
        connection = _connect(path)
        if connection is None:
            with FileLock(self.folder / f"{key}.lock"):
                connection = _connect(path) or self._start(key, env)
        with connection:
            yield connection

    def _start(self, key: str, env: Mapping[str, str]) -> socket.socket:
        """Starts the host of that key and returns a connection to it once it has rehearsed."""
        path, log = self.folder / f"{key}.sock", self.folder / f"{key}.log"
        home = self.folder / key
        shutil.rmtree(home, ignore_errors=True)
        dags = self.folder / f"{key}-dags"
        with self.rehearsal_database() as url, log.open("wb") as output:
            rehearsal = {
                **run_environment(self.airflow.python, home, dags, url, {}, {}),
                **lasting(env),
                watchdog.MARK: secrets.token_hex(12),
            }
            host = subprocess.Popen(
                [str(self.airflow.python), "-c", BOOT, str(Path(harness.__file__).parent.parent)],
                env=rehearsal,
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            config = {
                "socket": str(path),
                "notes": str(self.folder / f"{key}.json"),
                "dags_folder": str(dags),
                "env": rehearsal,
                "idle": self.idle,
            }
            assert host.stdin is not None
            with suppress(BrokenPipeError), host.stdin:
                host.stdin.write(json.dumps(config).encode() + b"\n")
            connection = _await_host(host, path, log)
            host.returncode = 0  # it is to outlive this process; without a code, Popen would warn of that
            return connection


def _await_host(host: subprocess.Popen[bytes], path: Path, log: Path) -> socket.socket:
    def attempt() -> socket.socket:
        connection = _connect(path)
        if connection is None:
            if host.poll() is not None:
                raise RunError(f"no warm host could be started, see {log}: mend that, or use --runner process")
            raise ConnectionError("not yet")
        return connection

    try:
        retrying = Retrying(
            stop=stop_after_delay(START_TIMEOUT),
            wait=wait_fixed(0.02),
            retry=retry_if_exception_type(ConnectionError),
            reraise=True,
        )
        return retrying(attempt)
    except BaseException:
        host.kill()
        raise


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:  # not the kind of socket that a host has, or too long a path for one
        connection.close()
        raise RunError(
            f"no warm host can be reached at {path} ({error.strerror or error}): remove that, set XDG_RUNTIME_DIR to "
            "a folder with a shorter path, or use --runner process"
        ) from error
    return connection


def _ask(
    connection: socket.socket, order: Mapping[str, Any], timeout: float, patience: float | None = None
) -> dict[str, Any]:
    """The answer. After `timeout` seconds the run is ended, and `timed_out` is in it. Raises HostLostError.

    A host that does not even begin within `patience` seconds is killed.
    """
    with connection.makefile("rb") as stream:
        connection.settimeout(patience or START_TIMEOUT)
        try:
            connection.sendall(json.dumps(order).encode() + b"\n")
            first = _line(stream)
        except TimeoutError:
            os.kill(_peer(connection), signal.SIGKILL)
            return {"stale": "it did not answer"}
        except (OSError, ValueError):
            return {"stale": "it went away before it began"}
        if "started" not in first:
            return first
        connection.settimeout(timeout)
        try:
            return _line(stream)
        except TimeoutError:
            return {**_end(connection), "timed_out": True}
        except (OSError, ValueError) as error:
            raise HostLostError(LOST) from error
        except BaseException:  # Ctrl-C: when this returns, the run is to be at its end
            with suppress(HostLostError):
                _end(connection)
            raise


def _end(connection: socket.socket) -> dict[str, Any]:
    """Ends the run, and returns its answer."""
    connection.settimeout(END_TIMEOUT)
    try:
        connection.sendall(b"end\n")
        with connection.makefile("rb") as rest:  # a stream takes no more after a timeout
            return _line(rest)
    except (OSError, ValueError) as error:
        raise HostLostError(LOST) from error


def _peer(connection: socket.socket) -> int:
    """The process that listens at the other end."""
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid)


def _line(stream: IO[bytes]) -> dict[str, Any]:
    return dict(json.loads(stream.readline()))


def hosts_folder(root: Path) -> Path:
    """Where the hosts of this user and the checkout at `root` are."""
    folder = private_folder(root) / "hosts"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _umask() -> int:
    """Python has no way to read it but to set it, which other threads would feel."""
    with open("/proc/self/status") as lines:  # noqa: PTH123 - a file of the kernel's
        return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))


@dataclass(frozen=True)
class HostFacts:
    """`runs`: how many are under way. `learned`: how many modules it has imported for later runs."""

    pid: int
    runs: int
    learned: int


def living_hosts(folder: Path) -> list[HostFacts]:
    """The hosts of the folder, as they tell of themselves."""
    answers = (_ask(connection, {"do": "tell"}, END_TIMEOUT, END_TIMEOUT) for connection in _connections(folder))
    return [HostFacts(**answer) for answer in answers if "stale" not in answer]


def end_hosts(folder: Path) -> int:
    """Tells every host of the folder to end, and returns how many there were."""
    return len([_ask(connection, {"do": "end"}, END_TIMEOUT, END_TIMEOUT) for connection in _connections(folder)])


def _connections(folder: Path) -> Iterator[socket.socket]:
    """To each host that lives; what a dead one left goes."""
    for path in folder.glob("*.sock"):
        connection = _connect(path)
        if connection is None:
            path.unlink(missing_ok=True)
            continue
        with connection:
            yield connection
