"""The process runner: each command is a new process, ended with all its descendants."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.airflow.inside import supervisor
from harness.airflow.runners import ProcessResult
from harness.errors import RunError
from harness.shown_text import shown_text

END_TIMEOUT = supervisor.END_SECONDS + 5


def execute(
    command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
) -> ProcessResult:
    """Run `command` in `folder` with exactly `env`, its output in `log_file`.

    The command and all its descendants end before this function returns, after `timeout` seconds, on an interrupt, and
    soon after this process dies, even by kill -9. Raises RunError if the supervisor was killed.
    """
    began = time.monotonic()
    with log_file.open("wb") as log, supervised(command, env, folder, log) as (control, _):
        try:
            answer: dict[str, Any] = read_line(control, timeout)
            seconds = time.monotonic() - began
        except TimeoutError:
            answer, seconds = {"exit_code": None}, time.monotonic() - began
        except (OSError, ValueError) as error:
            raise RunError(f"the supervisor of {command[0]} was killed: see {log_file}, then run again") from error
    return ProcessResult(answer["exit_code"], shown_text(log_file.read_text(errors="replace")), seconds)


@contextmanager
def supervised(
    command: Sequence[str], env: Mapping[str, str], folder: Path, log: IO[bytes]
) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """Start `command` under a supervisor; end it with all its descendants after the block."""
    control, process = start(command, env, folder, log, detached=False)
    try:
        yield control, process
    finally:
        control.close()
        try:
            process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start(
    command: Sequence[str], env: Mapping[str, str], folder: Path, log: IO[bytes], *, detached: bool
) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start `command` under a supervisor; closing the socket ends it, unless `detached`."""
    control, remote = socket.socketpair()
    with remote:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__],
            cwd=folder,
            stdin=remote.fileno(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C at the terminal must not end the supervisor
        )
    try:
        send_line(control, {"command": list(command), "env": dict(env), "detached": detached})
    except BaseException:
        control.close()
        process.kill()
        process.wait()
        raise
    return control, process


def send_line(connection: socket.socket, facts: Mapping[str, Any]) -> None:
    """Write one line of JSON."""
    connection.sendall(json.dumps(facts).encode() + b"\n")


def read_line(connection: socket.socket, seconds: float) -> dict[str, Any]:
    """Read one line of JSON. Raises TimeoutError, OSError, or ValueError on end of file."""
    connection.settimeout(seconds)
    line = b""
    while not line.endswith(b"\n"):
        piece = connection.recv(1)  # bytewise, so that the next line stays in the socket for the next call
        if not piece:
            break
        line += piece
    return dict(json.loads(line))
