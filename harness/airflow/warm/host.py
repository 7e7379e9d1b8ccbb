"""The warm host's process: rehearses once, then forks itself for every order. See the package's docstring.

Started by `client` with its configuration as JSON on standard input. An order and its answer are one line of JSON each,
on one connection; a connection that ends before the answer ends its run.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from harness.airflow import watchdog
from harness.airflow.warm.fork import PR_SET_CHILD_SUBREAPER, end_descendants, prctl
from harness.airflow.warm.forks import Fork, Origin, fork
from harness.airflow.warm.huge_pages import collapse_heap
from harness.airflow.warm.learning import Learned, contradicted, learn, read_notes, write_notes
from harness.airflow.warm.loaded_files import LoadedFiles
from harness.airflow.warm.rehearsal import rehearse
from harness.airflow.warm.shortcuts import (
    configuration_in,
    leave_young_sources_uncompiled,
    migration_files,
    remember_dependants,
    remember_log_templates,
    remember_migrations,
)
from harness.airflow.warm.traces import find_traces, without_scheme
from harness.airflow.warm.warned import Warned, listening

SWEEP = 5.0
WHAT_A_RUN_NEEDS = {"command", "env", "folder", "log", "umask"}


@dataclass(frozen=True)
class Config:
    """`env` is the rehearsal's environment; `notes` keeps the learned modules for the next host; times in seconds."""

    socket: str
    notes: str
    dags_folder: str
    env: Mapping[str, str]
    idle: float


@dataclass
class Running:
    """A run under way, and who waits for it."""

    fork: Fork
    client: socket.socket
    began: float


@dataclass
class Host:
    """`spare` waits for the next order."""

    config: Config
    dog: subprocess.Popen[bytes]
    learned: Learned
    warned: Warned
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    files: LoadedFiles = field(default_factory=LoadedFiles)
    origin: Origin | None = None
    spare: Fork | None = None
    waker: socket.socket | None = None
    runs: list[Running] = field(default_factory=list)
    to_learn: list[str] = field(default_factory=list)
    ending: bool = False
    listed: int = 0
    last: float = 0.0


def main() -> None:
    began = time.time_ns()
    config = Config(**json.loads(sys.stdin.readline()))
    os.umask(0o077)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    dog = subprocess.Popen(
        [sys.executable, "-S", "-E", watchdog.__file__, config.env[watchdog.MARK]],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    os.environ.clear()
    os.environ.update(config.env)
    remember_migrations()
    leave_young_sources_uncompiled()
    with listening() as warned:
        remember_log_templates()
        remember_dependants()
        rehearse(Path(config.env["AIRFLOW_HOME"]), Path(config.dags_folder))
    host = Host(config, dog, read_notes(Path(config.notes)), warned)
    learn(host.learned.modules, host.learned)
    settle(host, began)
    serve(host)


def settle(host: Host, since: int) -> None:
    """What is there now is what forks begin with: the collector is not to touch it, and changes of its files count.

    One that was changed after `since` (ns), when imports began, may have been read before: this host is not fit then.
    """
    if host.spare:
        host.spare.end()
        host.spare = None
    env = host.config.env
    gc.unfreeze()
    gc.collect()
    traces = find_traces(
        {
            host.config.dags_folder: "dags_folder",
            env["AIRFLOW_HOME"]: "home",
            without_scheme(env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]): "metadata",
        }
    )
    host.files.add((*_module_files(), *migration_files(), *_configured(env)), since, time.time_ns())
    host.origin = Origin(
        mark=(watchdog.MARK, env[watchdog.MARK]),
        traces=traces,
        configuration=configuration_in(Path(env["AIRFLOW_HOME"])),
        known=frozenset(sys.modules),
        hidden=[name for name in sys.modules if name.partition(".")[0] == "harness"],
        warned=host.warned,
        let_go=partial(_let_go, host),
    )
    importlib.invalidate_caches()  # a run is to look again for folders that were not there
    gc.collect()
    gc.freeze()
    collapse_heap()


def _let_go(host: Host) -> None:
    """In a fork: it must not hold what tells the host's clients, or its watchdog, that the host has ended."""
    for key in list(host.selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    host.selector.close()
    for run in host.runs:
        run.fork.channel.close()
    signal.set_wakeup_fd(-1)
    if host.waker:
        host.waker.close()
    assert host.dog.stdin is not None
    host.dog.stdin.close()


def _module_files() -> set[str]:
    return {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}


def _configured(env: Mapping[str, str]) -> list[str]:
    """The configuration file that a project names itself."""
    return [file] if (file := env.get("AIRFLOW_CONFIG")) else []


def serve(host: Host) -> None:
    """Until told to end, or nothing has come for a while."""
    wake, host.waker = socket.socketpair()
    for end in (wake, host.waker):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(host.waker.fileno())
    signal.signal(signal.SIGTERM, lambda *_: _unlist(host))
    listener = _listen(host.config.socket)
    host.listed = Path(host.config.socket).lstat().st_ino
    host.selector.register(listener, selectors.EVENT_READ, "listener")
    host.selector.register(wake, selectors.EVENT_READ, "child")
    host.last = time.monotonic()
    while not (host.ending and not host.runs):
        if not host.spare and not host.ending:
            host.spare = fork(_origin(host))
        for key, _ in host.selector.select(min(SWEEP, host.config.idle)):
            if key.data == "listener":
                client, _ = listener.accept()
                client.settimeout(SWEEP)
                host.selector.register(client, selectors.EVENT_READ, "client")
            elif key.data == "child":
                with suppress(BlockingIOError):
                    wake.recv(4096)
            else:
                _heed(host, key.fileobj)
        _bury(host)
        if not host.runs:
            if host.to_learn and not host.ending:
                _learn(host)
            if time.monotonic() - host.last > host.config.idle:
                _unlist(host)
    _unlist(host)
    if host.spare:
        host.spare.end()
    _turn_away(listener)


def _unlist(host: Host) -> None:
    """Nobody is to find this host any more. The next one of its kind takes the same name: its socket is left alone."""
    host.ending = True
    path = Path(host.config.socket)
    with suppress(OSError):
        if path.lstat().st_ino == host.listed:
            path.unlink()


def _turn_away(listener: socket.socket) -> None:
    """Whoever found this host in its last moment is told to look for another."""
    listener.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            _answer(listener.accept()[0], {"stale": "the host was ending"})


def _listen(path: str) -> socket.socket:
    """The socket gets its name when it listens, so that whoever finds it can connect."""
    listener = socket.socket(socket.AF_UNIX)
    partial = f"{path}.new"
    Path(partial).unlink(missing_ok=True)
    listener.bind(partial)
    Path(partial).chmod(0o600)
    listener.listen(64)
    Path(partial).rename(path)
    return listener


def _heed(host: Host, client: Any) -> None:
    line = _line(client)
    run = next((run for run in host.runs if run.client is client), None)
    if run is not None:  # whatever it says now, it wants the run to end
        for kill in (os.killpg, os.kill):  # a fork that has just begun has no group yet
            with suppress(ProcessLookupError):
                kill(run.fork.pid, signal.SIGKILL)
        if not line:
            host.selector.unregister(client)
        return
    order = _order(line)
    if order["do"] == "run":
        host.last = time.monotonic()
        _start(host, client, order)
        return
    if order["do"] == "end":
        _unlist(host)
    _dismiss(host, client, {"pid": os.getpid(), "runs": len(host.runs), "learned": len(host.learned.modules)})


def _order(line: bytes) -> Mapping[str, Any]:
    """What is none asks for nothing: runs are under way here, and nonsense is not to end them."""
    with suppress(ValueError):
        order = json.loads(line)
        if isinstance(order, dict) and (order.get("do") != "run" or order.keys() >= WHAT_A_RUN_NEEDS):
            return {"do": "nothing", **order}
    return {"do": "nothing"}


def _line(client: socket.socket) -> bytes:
    """One line; nothing where the client went away, or is too slow to be one of ours."""
    whole = b""
    with suppress(OSError):
        while not whole.endswith(b"\n"):
            piece = client.recv(1 << 16)
            if not piece:
                return b""
            whole += piece
        return whole
    return b""


def _answer(client: socket.socket, answer: Mapping[str, Any]) -> None:
    with suppress(OSError):
        client.sendall(json.dumps(answer).encode() + b"\n")


def _dismiss(host: Host, client: socket.socket, answer: Mapping[str, Any]) -> None:
    _answer(client, answer)
    with suppress(KeyError):
        host.selector.unregister(client)
    client.close()


def _start(host: Host, client: socket.socket, order: Mapping[str, Any]) -> None:
    """While the fork makes itself ready, this process looks whether it may go."""
    began = time.monotonic()
    if host.ending:
        _dismiss(host, client, {"stale": "the host was ending"})
        return
    chosen, host.spare = host.spare or fork(_origin(host)), None
    chosen.send(json.dumps(order).encode())
    if unfit := _unfit(host, order["env"]):
        chosen.end()
        write_notes(Path(host.config.notes), host.learned)
        _unlist(host)
        _dismiss(host, client, {"stale": unfit})
        return
    _answer(client, {"started": chosen.pid})
    chosen.send(b"go")
    host.runs.append(Running(chosen, client, began))


def _unfit(host: Host, env: Mapping[str, str]) -> str | None:
    """Why this host can't make a run as a fresh process would, None where it can."""
    assert host.origin is not None
    if changed := host.files.changed():
        return f"{changed} has changed"
    return host.learned.off if contradicted(host.learned, env, host.origin.traces.values) else None


def _origin(host: Host) -> Origin:
    assert host.origin is not None, "forks are made of a host that has settled"
    return host.origin


def _bury(host: Host) -> None:
    """Answers for the runs that have ended.

    Ends whatever one left that was killed, or called os._exit: such orphans come to this process.
    """
    for run in list(host.runs):
        code = run.fork.ended()
        if code is None:
            continue
        host.runs.remove(run)
        spare = [host.spare.pid] if host.spare else []
        end_descendants((host.dog.pid, *spare, *(other.fork.pid for other in host.runs)))
        told = run.fork.told()
        _dismiss(
            host, run.client, {"exit_code": code, "seconds": time.monotonic() - run.began, "hurt": not told.became}
        )
        host.last = time.monotonic()
        host.to_learn += [name for name in told.imported if name not in _origin(host).known]


def _learn(host: Host) -> None:
    names = [name for name in dict.fromkeys(host.to_learn) if name not in host.learned.refused]
    host.to_learn = []
    if names and not host.learned.off:
        began = time.time_ns()
        if learn(names, host.learned):
            settle(host, began)
        write_notes(Path(host.config.notes), host.learned)


if __name__ == "__main__":
    main()
