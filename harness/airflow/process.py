"""One child process: bounded, logged, and never outliving the test process, nor anything that it started."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from harness.airflow import watchdog


@dataclass(frozen=True)
class Finished:
    """`exit_code` is None where the process had to be ended after its time. `log`: stdout and stderr as they came."""

    exit_code: int | None
    log: str
    seconds: float


class Execute(Protocol):
    """How a runner runs a command: see execute() for what is promised."""

    def __call__(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> Finished: ...


def execute(command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float) -> Finished:
    """Runs `command` in `folder` with exactly `env` (and a mark of its own), its output in `log_file`.

    It and all that it started is ended when it returns, after `timeout` seconds, when this call is interrupted, and
    when this process dies, even by kill -9 (watchdog.py).
    """
    mark = secrets.token_hex(12)
    began = time.monotonic()
    with log_file.open("wb") as log, _watchdog(mark) as group:
        child = subprocess.Popen(
            list(command),
            env={**env, watchdog.MARK: mark},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        group.write(f"{child.pid}\n")
        group.flush()
        try:
            exit_code: int | None = child.wait(timeout)
        except subprocess.TimeoutExpired:
            exit_code = None
        seconds = time.monotonic() - began
    if exit_code is None:
        child.wait()
    return Finished(exit_code, log_file.read_text(errors="replace"), seconds)


@contextmanager
def _watchdog(mark: str) -> Iterator[IO[str]]:
    """A watchdog's standard input. At the end it sweeps, and has done so when this returns."""
    # In a session of its own: a Ctrl-C at the terminal is not for it.
    command = [sys.executable, "-S", "-E", watchdog.__file__, mark]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True) as dog:
        assert dog.stdin is not None
        yield dog.stdin
