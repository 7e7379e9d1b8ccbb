"""The warm host: a process in which Airflow has started, which forks for each run. One run at a time.

`PYTHON PATH/inside host FOLDER IDLE`, with the environment of the warm-up. FOLDER is private to the host; in it are
`home`, a link that the client renames onto the folder of each run, and the socket. An order and its answers are one
line of JSON each; a connection that closes before the answer ends its run.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from . import internals
from .fork import Origin, be_the_run
from .preload import preload
from .supervisor import END_SECONDS, adopt_orphans, await_end, end_descendants, end_with_parent

SOCKET = "socket"
NO_PRELOADING = "no-preloading"
"""A file in the folder: the reason why the next host there preloads nothing."""
WARM_UP_SECONDS = 120
CLIENT_SECONDS = 5.0
"""A client that has connected says at once what it wants."""
WHAT_A_RUN_NEEDS = {"command", "env", "folder", "log", "umask"}
YOUNG_SECONDS = 2.0
UNSURE = -1
"""In place of the time of a file's last change: it may have been changed after it was read."""
DAG_ID = "harness_warm_up"
# For all Airflow lines; with a return value, so that XComs are warm too.
DAG_FILE = f"""
from datetime import datetime, timezone
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG({DAG_ID!r}, schedule=None, start_date=datetime(2020, 1, 1, tzinfo=timezone.utc)):
    @task
    def first():
        return {{"answer": 42}}

    @task
    def second(given):
        print(given)

    second(first())
"""


@dataclass
class Host:
    """`files` maps each loaded file to the time of its last change (ns).

    `reads` are the variables that preloaded modules read while they were imported; `refused` are not preloaded.
    """

    folder: Path
    origin: Origin
    files: dict[str, int] = field(default_factory=dict)
    reads: dict[str, str | None] = field(default_factory=dict)
    preloaded: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    runs: int = 0
    ending: bool = False


def main(arguments: list[str]) -> None:
    """Warm up, then serve until told to end, or until no client has come for IDLE seconds."""
    folder, idle = Path(arguments[0]), float(arguments[1])
    end_with_parent()
    adopt_orphans()
    faulthandler.register(signal.SIGUSR1)
    signal.alarm(WARM_UP_SECONDS)
    began = time.time_ns()
    host = Host(folder, warm_up(folder))
    settle(host, began)
    signal.alarm(0)
    serve(host, listen(folder / SOCKET), idle)


def warm_up(folder: Path) -> Origin:
    """Run a small DAG through Airflow's own entry point: only a run fills all caches. Raises SystemExit if it fails."""
    os.umask(0o077)
    path = list(sys.path)
    dags_folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    (dags_folder / f"{DAG_ID}.py").write_text(DAG_FILE)
    leave_young_sources_uncompiled()
    with internals.heard_warnings() as warned:
        reset_plugins = internals.note_plugin_state()
        internals.remember_log_templates()
        sys.argv = ["airflow", "dags", "test", DAG_ID, "2021-01-01"]
        os.chdir(os.environ["AIRFLOW_HOME"])
        sys.path[0] = os.environ["AIRFLOW_HOME"]
        try:
            runpy.run_module("airflow", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if ended.code not in (None, 0):
                raise
    internals.come_to_rest()
    reset_plugins()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{dags_folder}{os.sep}"):
            del sys.modules[name]
    with warnings.catch_warnings():  # Python then shows a warning again that the warm-up was given
        pass
    os.chdir(folder)
    home = Path(os.environ["AIRFLOW_HOME"]).resolve()
    return Origin(path, home, internals.holders_of_dags_folder(), warned)


def leave_young_sources_uncompiled() -> None:
    """Write no bytecode of a source that was just saved.

    Python tells a source from a changed one by its length and the second of its last change, and a warm run can end
    within the second in which a file was saved.
    """
    write = SourceFileLoader.set_data

    def set_data(self: SourceFileLoader, path: str, data: Any, **options: Any) -> None:
        if time.time() - os.stat(self.path).st_mtime > YOUNG_SECONDS:  # noqa: PTH116 - as importlib does
            write(self, path, data, **options)

    SourceFileLoader.set_data = set_data  # type: ignore[method-assign]


def settle(host: Host, since: int) -> None:
    """Note the files that are loaded now; one that was changed after `since` (ns) may have been read before that.

    The collector leaves alone what is there now: each object that it visits is a page that a fork copies.
    """
    now = time.time_ns()
    for file in loaded_files():
        if file not in host.files:
            changed = last_change(file)
            host.files[file] = UNSURE if since <= changed <= now else changed
    importlib.invalidate_caches()  # a run looks again for folders that were not there
    gc.collect()
    gc.freeze()


def loaded_files() -> Iterable[str]:
    """The files of all modules, and the configuration file that a project names itself."""
    files = {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    return files | set(filter(None, [os.environ.get("AIRFLOW_CONFIG")]))


def last_change(file: str) -> int:
    """In ns; 0 if there is no such file."""
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 - thousands of them before each run
    except OSError:
        return 0


def why_stale(host: Host, env: Mapping[str, str]) -> str | None:
    """Say why this host can't make a run as a new process would; None if it can."""
    for file, changed in host.files.items():
        if last_change(file) != changed:
            return f"{file} has changed"
    for name, value in host.reads.items():
        if env.get(name) != value:
            why = f"{name} is read by a preloaded module while it is imported, and has another value"
            (host.folder / NO_PRELOADING).write_text(why)
            return why
    return None


def listen(path: Path) -> socket.socket:
    """The socket gets its name when it listens, so that a client that finds it can connect."""
    listener = socket.socket(socket.AF_UNIX)
    partial = path.with_suffix(".new")
    partial.unlink(missing_ok=True)
    listener.bind(str(partial))
    partial.chmod(0o600)
    listener.listen(16)
    partial.rename(path)
    return listener


def serve(host: Host, listener: socket.socket, idle: float) -> None:
    """Answer clients, one after the other; preload after each run."""
    while not host.ending:
        imported: list[str] = []
        if not select.select([listener], [], [], idle)[0]:
            break
        with accept(listener) as client:
            order = read_order(client)
            if order.get("do") != "run":
                answer_beside(host, client, order)
            elif stale := why_stale(host, order["env"]):
                unlist(host)
                answer(client, {"stale": stale})
                return
            else:
                imported = make_run(host, listener, client, order)
        if imported and not host.ending:
            keep(host, imported)
    unlist(host)


def unlist(host: Host) -> None:
    """Leave the socket's name to the next host in this folder."""
    (host.folder / SOCKET).unlink(missing_ok=True)


def accept(listener: socket.socket) -> socket.socket:
    """A client that waits; it has to speak and to listen in time."""
    client, _ = listener.accept()
    client.settimeout(CLIENT_SECONDS)
    return client


def read_order(client: socket.socket) -> Mapping[str, Any]:
    """Read one line of JSON; nothing if it is not an order."""
    whole = b""
    with suppress(OSError, ValueError):
        while not whole.endswith(b"\n"):
            piece = client.recv(1 << 16)
            if not piece:
                return {}
            whole += piece
        order = json.loads(whole)
        if isinstance(order, dict) and (order.get("do") != "run" or order.keys() >= WHAT_A_RUN_NEEDS):
            return order
    return {}


def answer(client: socket.socket, facts: Mapping[str, Any]) -> None:
    """Write one line of JSON, if the client still listens."""
    with suppress(OSError):
        client.sendall(json.dumps(facts).encode() + b"\n")


def answer_beside(host: Host, client: socket.socket, order: Mapping[str, Any]) -> None:
    """Describe this host; `end` has it end after the run that it makes."""
    if order.get("do") == "end":
        host.ending = True
        unlist(host)
    answer(client, {"pid": os.getpid(), "runs": host.runs, "preloaded": len(host.preloaded)})


def make_run(host: Host, listener: socket.socket, client: socket.socket, order: Mapping[str, Any]) -> list[str]:
    """Fork for the run and answer with its exit code; return the modules that it was the first to import."""
    imported = host.folder / "imported"
    imported.unlink(missing_ok=True)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    parent, pid = os.getpid(), os.fork()
    if pid == 0:

        def began() -> None:
            answer(client, {"began": os.getpid()})
            client.close()

        listener.close()
        be_the_run(host.origin, parent, order, began, imported)
    host.runs = 1
    while (code := await_end(pid, [client, listener])) is None:
        if select.select([client], [], [], 0)[0]:  # the client wants the run to end, or has ended itself
            os.kill(pid, signal.SIGKILL)
            code = await_end(pid, [], END_SECONDS)
            break
        with accept(listener) as other:
            answer_beside(host, other, read_order(other))
    end_descendants()
    host.runs = 0
    answer(client, {"exit_code": code})
    return imported.read_text().split() if imported.exists() else []


def keep(host: Host, imported: list[str]) -> None:
    """Preload what is new of it."""
    names = [name for name in imported if name not in host.refused and name not in sys.modules]
    if not names or (host.folder / NO_PRELOADING).exists():
        return
    began = time.time_ns()
    refused = preload(names, host.reads)
    host.refused.update(refused)
    host.preloaded += [name for name in names if name not in refused]
    settle(host, began)
