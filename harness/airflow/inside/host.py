"""The warm host: a process in which Airflow has started, which forks for each run. One run at a time.

`PYTHON PATH/inside host FOLDER IDLE`, with the environment of the warm-up. FOLDER is private to the host; in it are
`home`, a link that the client renames onto the folder of each run, and the socket. A client sends its order and gets
its answers as lines of JSON; a connection that closes before the last answer ends its run.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from . import internals
from .fork import Origin, run_in_fork
from .preload import preload
from .supervisor import END_SECONDS, adopt_orphans, await_end, end_descendants, end_with_parent

SOCKET = "socket"
NO_PRELOADING = "no-preloading"  # a file in the folder: the reason why the next host there preloads nothing
WARM_UP_SECONDS = 120
CLIENT_SECONDS = 5.0  # a client that has connected says at once what it wants
WHAT_A_RUN_NEEDS = {"command", "env", "folder", "log"}
YOUNG_SECONDS = 2.0
UNSURE = -1  # in place of the time of a file's last change: it may have been changed after it was read


@dataclass
class Host:
    """`files`: last change (ns) of each loaded one; `reads`: variables that preloaded modules read; both must last."""

    folder: Path
    origin: Origin
    files: dict[str, int] = field(default_factory=dict)
    reads: dict[str, str | None] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    running: bool = False
    ending: bool = False


def main(arguments: list[str]) -> None:
    """Warm up, then serve until SIGTERM comes, or no client has come for IDLE seconds."""
    folder, idle = Path(arguments[0]), float(arguments[1])
    end_with_parent()
    adopt_orphans()
    faulthandler.register(signal.SIGUSR1)
    signal.alarm(WARM_UP_SECONDS)
    began = time.time_ns()
    listener = socket.socket(socket.AF_UNIX)
    partial = folder / f"{SOCKET}.new"
    partial.unlink(missing_ok=True)
    listener.bind(str(partial))
    host = Host(folder, warm_up(folder))
    settle(host, began)

    def end(*_: object) -> None:
        host.ending = True
        if not host.running:
            sys.exit()

    signal.signal(signal.SIGTERM, end)
    listener.listen(16)
    partial.rename(folder / SOCKET)  # now, so that a client that finds it can connect
    serve(host, listener, idle)


def warm_up(folder: Path) -> Origin:
    """Run a small DAG through Airflow's own entry point: only a run fills all caches. Raises SystemExit if it fails."""
    path, home, dags_folder = list(sys.path), os.environ["AIRFLOW_HOME"], os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    shutil.copy(Path(__file__).with_name("warm_up_dag.py"), dags_folder)
    leave_young_sources_uncompiled()
    with internals.record_warnings() as warned:
        reset_plugins = internals.save_plugin_state()
        internals.remember_log_templates()
        sys.argv = ["airflow", "dags", "test", "harness_warm_up", "2021-01-01"]
        os.chdir(home)
        sys.path[0] = home
        try:
            runpy.run_module("airflow", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if ended.code not in (None, 0):
                raise
    internals.end_threads()
    reset_plugins()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{dags_folder}{os.sep}"):
            del sys.modules[name]
    with warnings.catch_warnings():  # Python then shows a warning again that the warm-up was given
        pass
    os.chdir(folder)
    return Origin(path, Path(home).resolve() / "airflow.cfg", internals.find_dags_folder_holders(), warned)


def leave_young_sources_uncompiled() -> None:
    """Write no bytecode of a source that was just saved, since a warm run can end within the second of the save.

    Python tells a source from a changed one by its length and the second of its last change.
    """
    write = SourceFileLoader.set_data

    def set_data(self: SourceFileLoader, path: str, data: Any, **options: Any) -> None:
        if time.time() - last_change(self.path) / 1e9 > YOUNG_SECONDS:
            write(self, path, data, **options)

    SourceFileLoader.set_data = set_data  # type: ignore[method-assign]


def settle(host: Host, since: int) -> None:
    """Note the files that are loaded now; one that was changed after `since` (ns) may have been read before that.

    Stops the alarm that limits what came before. The collector leaves alone what is there now: each object that it
    visits is a page that a fork copies.
    """
    now = time.time_ns()
    files = {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    files |= set(filter(None, [os.environ.get("AIRFLOW_CONFIG")]))  # which a project names itself
    changes = {file: last_change(file) for file in files - host.files.keys()}
    host.files.update({file: UNSURE if since <= change <= now else change for file, change in changes.items()})
    importlib.invalidate_caches()  # a run looks again for folders that were not there
    gc.collect()
    gc.freeze()
    signal.alarm(0)


def last_change(file: str) -> int:
    """In ns; 0 if there is no such file."""
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 - thousands of them before each run
    except OSError:
        return 0


def find_stale_reason(host: Host, env: Mapping[str, str]) -> str | None:
    """Say why this host can't make a run as a new process would; None if it can."""
    for file, change in host.files.items():
        if last_change(file) != change:
            return f"{file} has changed"
    for name, value in host.reads.items():
        if env.get(name) != value:
            why = f"{name} is read by a preloaded module while it is imported, and has another value"
            (host.folder / NO_PRELOADING).write_text(why)
            return why
    return None


def serve(host: Host, listener: socket.socket, idle: float) -> None:
    """Make a run for each client, one after the other, and preload what it was the first to import."""
    while not host.ending and select.select([listener], [], [], idle)[0]:
        with listener.accept()[0] as client:
            client.settimeout(CLIENT_SECONDS)
            order = read_request(client)
            if order and (stale := find_stale_reason(host, order["env"])):
                listener.close()  # before the answer, after which the client looks for another host
                answer(client, {"stale": stale})
                return
            imported = execute_run(host, listener, client, order) if order else []
        names = [name for name in imported if name not in host.refused and name not in sys.modules]
        if names and not host.ending and not (host.folder / NO_PRELOADING).exists():
            began = time.time_ns()
            host.refused.update(preload(names, host.reads))
            settle(host, began)


def read_request(client: socket.socket) -> Mapping[str, Any]:
    """Read one line of JSON; nothing if it is not an order, as from a client that only asks for the process id."""
    with suppress(OSError, ValueError), client.makefile("rb") as lines:
        order = json.loads(lines.readline())
        if isinstance(order, dict) and order.keys() >= WHAT_A_RUN_NEEDS:
            return order
    return {}


def answer(client: socket.socket, facts: Mapping[str, Any]) -> None:
    """Write one line of JSON, if the client still listens."""
    with suppress(OSError):
        client.sendall(json.dumps(facts).encode() + b"\n")


def execute_run(host: Host, listener: socket.socket, client: socket.socket, order: Mapping[str, Any]) -> list[str]:
    """Fork for the run and answer with its exit code; return the modules that it was the first to import."""
    imported = host.folder / "imported"
    imported.unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    host.running = True
    pid = os.fork()
    if pid == 0:
        listener.close()
        run_in_fork(host.origin, order, client, imported)
    code = await_end(pid, [client])
    if code is None:  # the client wants the run to end, or has ended itself
        os.kill(pid, signal.SIGKILL)
        code = await_end(pid, [], END_SECONDS)
    end_descendants()
    host.running = False
    answer(client, {"exit_code": code})
    return imported.read_text().split() if imported.exists() else []
