"""The warm host's process: rehearses once, then forks itself for every order. See the package's docstring.

Started by `client` with its configuration as JSON on standard input. An order and its answer are one line of JSON each,
on one connection; a connection that ends before the answer ends its run.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from harness.airflow import watchdog
from harness.airflow.warm.fork import PR_SET_CHILD_SUBREAPER, become, detach, end_descendants, prctl, run_and_exit
from harness.airflow.warm.learning import Learned, contradicted, imported_since, learn, read_notes, write_notes
from harness.airflow.warm.rehearsal import rehearse
from harness.airflow.warm.shortcuts import configuration_in, migration_files, remember_migrations
from harness.airflow.warm.traces import NONE, Traces, find_traces, without_scheme
from harness.airflow.warm.warned import Warned, listening, tell_again

SWEEP = 5.0
HURT = 70
"""Exit code of a fork that could not become a run: no run of Airflow ends with it."""


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
    """A run under way: its process, its client, and where its fork tells what it imported."""

    pid: int
    client: socket.socket
    report: int
    began: float
    reported: bytes = b""


@dataclass
class Host:
    config: Config
    dog: subprocess.Popen[bytes]
    learned: Learned
    warned: Warned
    traces: Traces = NONE
    configuration: str | None = None
    files: Mapping[str, int] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    runs: dict[int, Running] = field(default_factory=dict)
    to_learn: list[str] = field(default_factory=list)
    ending: bool = False
    listed: bool = True
    last: float = 0.0


def main() -> None:
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
    with listening() as warned:
        rehearse(Path(config.env["AIRFLOW_HOME"]), Path(config.dags_folder))
    host = Host(config, dog, read_notes(Path(config.notes)), warned)
    learn(host.learned.modules, host.learned)
    settle(host)
    serve(host)


def _traces(config: Config) -> Traces:
    return find_traces(
        {
            config.dags_folder: "dags_folder",
            config.env["AIRFLOW_HOME"]: "home",
            without_scheme(config.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]): "metadata",
        }
    )


def settle(host: Host) -> None:
    """What is there now is what forks begin with: the collector is not to touch it, and changes of its files count."""
    gc.unfreeze()
    gc.collect()
    host.traces = _traces(host.config)
    host.known = frozenset(sys.modules)
    host.files = {file: _changed(file) for file in (*_module_files(), *migration_files())}
    host.configuration = configuration_in(Path(host.config.env["AIRFLOW_HOME"]))
    gc.collect()
    gc.freeze()


def _module_files() -> set[str]:
    return {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}


def _changed(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 - two thousand of them, before every run
    except OSError:
        return 0


def serve(host: Host) -> None:
    """Until told to end, or nothing has come for a while."""
    selector = selectors.DefaultSelector()
    wake, waker = socket.socketpair()
    for end in (wake, waker):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGTERM, lambda *_: setattr(host, "ending", True))
    listener = _listen(host.config.socket)
    selector.register(listener, selectors.EVENT_READ, "listener")
    selector.register(wake, selectors.EVENT_READ, "child")
    host.last = time.monotonic()
    while not (host.ending and not host.runs):
        for key, _ in selector.select(SWEEP):
            if key.data == "listener":
                client, _ = listener.accept()
                selector.register(client, selectors.EVENT_READ, "client")
            elif key.data == "child":
                with suppress(BlockingIOError):
                    wake.recv(4096)
            elif key.data == "report":
                _read_report(host, selector, key.fd)
            else:
                _heed(host, selector, key.fileobj)
        _bury(host, selector)
        if not host.runs:
            if host.to_learn and not host.ending:
                _learn(host)
            if time.monotonic() - host.last > host.config.idle:
                host.ending = True
    _unlist(host)
    _turn_away(listener)


def _unlist(host: Host) -> None:
    """Nobody is to find this host any more. Only once: the next one of its kind takes the same name."""
    host.ending = True
    if host.listed:
        Path(host.config.socket).unlink(missing_ok=True)
    host.listed = False


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


def _heed(host: Host, selector: selectors.BaseSelector, client: Any) -> None:
    line = _line(client)
    run = next((run for run in host.runs.values() if run.client is client), None)
    if run is not None:  # whatever it says now, it wants the run to end
        for kill in (os.killpg, os.kill):  # a fork that has just begun has no group yet
            with suppress(ProcessLookupError):
                kill(run.pid, signal.SIGKILL)
        if not line:
            selector.unregister(client)
        return
    if not line:
        selector.unregister(client)
        client.close()
        return
    order = json.loads(line)
    host.last = time.monotonic()
    if order["do"] == "run" and host.ending:
        _stale(host, selector, client, "the host was ending")
    elif order["do"] == "run":
        _start(host, selector, client, order)
    else:
        if order["do"] == "end":
            _unlist(host)
        _answer(client, {"pid": os.getpid(), "runs": len(host.runs), "learned": len(host.learned.modules)})
        selector.unregister(client)
        client.close()


def _line(client: socket.socket) -> bytes:
    whole = b""
    with suppress(OSError):
        while not whole.endswith(b"\n"):
            piece = client.recv(1 << 16)
            if not piece:
                return b""
            whole += piece
    return whole


def _answer(client: socket.socket, answer: Mapping[str, Any]) -> None:
    with suppress(OSError):
        client.sendall(json.dumps(answer).encode() + b"\n")


def _start(host: Host, selector: selectors.BaseSelector, client: socket.socket, order: Mapping[str, Any]) -> None:
    """Forks. While the fork makes itself ready, this process looks whether it may go: it is told through a pipe."""
    if contradicted(host.learned, order["env"], host.traces.values):
        _stale(host, selector, client, str(host.learned.off))
        return
    began = time.monotonic()
    report, told = os.pipe()
    go, let_go = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(report)
        os.close(let_go)
        _be_the_run(host, selector, order, told, go)
    os.close(told)
    os.close(go)
    changed = next((file for file, at in host.files.items() if _changed(file) != at), None)
    if changed:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(report)
        os.close(let_go)
        _stale(host, selector, client, f"{changed} has changed")
        return
    _answer(client, {"started": pid})
    os.write(let_go, b"\n")
    os.close(let_go)
    os.set_blocking(report, False)
    selector.register(report, selectors.EVENT_READ, "report")
    host.runs[pid] = Running(pid, client, report, began)


def _be_the_run(host: Host, selector: selectors.BaseSelector, order: Mapping[str, Any], told: int, go: int) -> NoReturn:
    try:
        _close_the_hosts(host, selector)
        detach(order["log"], order["umask"])
        env = {**order["env"], watchdog.MARK: f"{host.config.env[watchdog.MARK]}-{os.getpid()}"}
        become(env, order["folder"], host.traces, host.configuration)
        if os.read(go, 1) == b"\n":
            os.close(go)
            tell_again(host.warned)
            run_and_exit(
                order["command"],
                lambda: os.write(told, json.dumps(imported_since(host.known)).encode()),
            )
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(HURT)


def _close_the_hosts(host: Host, selector: selectors.BaseSelector) -> None:
    """A run must not hold what tells the host's clients, or its watchdog, that the host has ended."""
    for key in list(selector.get_map().values()):
        if isinstance(key.fileobj, int):
            os.close(key.fileobj)
        else:
            key.fileobj.close()  # type: ignore[attr-defined]
    selector.close()
    assert host.dog.stdin is not None
    host.dog.stdin.close()


def _stale(host: Host, selector: selectors.BaseSelector, client: socket.socket, why: str) -> None:
    """This host gives no more runs; its client starts another."""
    write_notes(Path(host.config.notes), host.learned)
    _unlist(host)
    _answer(client, {"stale": why})
    selector.unregister(client)
    client.close()


def _read_report(host: Host, selector: selectors.BaseSelector, number: int) -> None:
    piece = os.read(number, 1 << 20)
    for run in host.runs.values():
        if run.report == number:
            run.reported += piece
    if not piece:
        selector.unregister(number)


def _bury(host: Host, selector: selectors.BaseSelector) -> None:
    """Answers for the runs that have ended, and ends whatever a killed one left: such orphans come to this process."""
    orphans = False
    for pid, run in list(host.runs.items()):
        done, status = os.waitpid(pid, os.WNOHANG)
        if not done:
            continue
        del host.runs[pid]
        code = os.waitstatus_to_exitcode(status)
        orphans = orphans or code < 0
        with suppress(KeyError):
            selector.unregister(run.report)
        with suppress(BlockingIOError):
            while piece := os.read(run.report, 1 << 20):
                run.reported += piece
        os.close(run.report)
        if orphans:
            end_descendants((host.dog.pid, *host.runs))
        _answer(run.client, {"exit_code": code, "seconds": time.monotonic() - run.began})
        with suppress(KeyError):
            selector.unregister(run.client)
        run.client.close()
        host.last = time.monotonic()
        with suppress(ValueError):
            host.to_learn += [name for name in json.loads(run.reported or b"[]") if name not in host.known]


def _learn(host: Host) -> None:
    names = [name for name in dict.fromkeys(host.to_learn) if name not in host.learned.refused]
    host.to_learn = []
    if names and not host.learned.off:
        if learn(names, host.learned):
            settle(host)
        write_notes(Path(host.config.notes), host.learned)


if __name__ == "__main__":
    main()
