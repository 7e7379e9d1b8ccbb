"""Forks of the host: made ahead, given an order, told to go, and buried.

A fork costs some milliseconds, so there is always one that waits for its order. Host and fork talk over a socket pair:
the order, then `go`, one line each; back come an empty line when the run begins, and one with what it has imported.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from harness.airflow.warm.fork import become, detach, end_with_the_host, run_and_exit
from harness.airflow.warm.learning import imported_since
from harness.airflow.warm.traces import Traces
from harness.airflow.warm.warned import Warned, tell_again

HURT = 70
"""Exit code of a fork that could not become a run. A run may end with it too, but has told that it began."""


@dataclass(frozen=True)
class Origin:
    """What every fork needs of the host.

    `mark` is a variable of all that runs start, `known` are the host's modules and `hidden` the harness's among them.
    """

    mark: tuple[str, str]
    traces: Traces
    configuration: str | None
    known: frozenset[str]
    hidden: Sequence[str]
    warned: Warned
    let_go: Callable[[], None]


@dataclass(frozen=True)
class Told:
    """What a fork told of itself: whether it became a run, and what that imported."""

    became: bool
    imported: Sequence[str] = ()


@dataclass
class Fork:
    """The host's side of one."""

    pid: int
    channel: socket.socket

    def send(self, line: bytes) -> None:
        with suppress(OSError):
            self.channel.sendall(line + b"\n")

    def end(self) -> None:
        """Kills it, and waits for that."""
        for kill in (os.killpg, os.kill):  # one that has no order yet has no group of its own
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.channel.close()

    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        done, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if done else None

    def told(self) -> Told:
        """To be asked once, when it has ended."""
        self.channel.settimeout(0)
        told = b""
        with suppress(OSError):
            while piece := self.channel.recv(1 << 20):
                told += piece
        self.channel.close()
        with suppress(ValueError):
            return Told(bool(told), json.loads(told.strip() or b"[]"))
        return Told(bool(told))


def fork(origin: Origin) -> Fork:
    """A fork that waits for its order."""
    ours, its = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    host = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_a_fork(origin, host, ours, its)
    its.close()
    return Fork(pid, ours)


def _be_a_fork(origin: Origin, host: int, ours: socket.socket, channel: socket.socket) -> NoReturn:
    try:
        end_with_the_host(host)
        ours.close()
        origin.let_go()
        with channel.makefile("rb") as lines:
            order: Mapping[str, Any] = json.loads(lines.readline() or b"null") or os._exit(0)
            detach(order["log"], order["umask"])
            name, mark = origin.mark
            env = {**order["env"], name: f"{mark}-{os.getpid()}"}
            become(env, order["folder"], origin.traces, origin.configuration, origin.hidden)
            if lines.readline() != b"go\n":
                os._exit(0)
        tell_again(origin.warned)
        channel.sendall(b"\n")
        channel.settimeout(1)  # nobody reads while it runs, and what it imported is not worth waiting for
        last = next(reversed(sys.modules))
        run_and_exit(order["command"], lambda: channel.sendall(json.dumps(imported_since(last)).encode()))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(HURT)
