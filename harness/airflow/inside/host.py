"""The warm host: an Airflow process that forks for each run, one run at a time.

`PYTHON PATH/inside host FOLDER IDLE`, with the environment of the warm-up. FOLDER is private to the host and contains
the socket and `home`, a link that the client points to the folder of each run. A client sends a run request and gets
its answers as lines of JSON. A connection that closes before the last answer ends its run.
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
from .supervisor import END_SECONDS, adopt_orphans, await_end, end_descendants, end_with_parent, print_stacks

SOCKET = "socket"
NO_PRELOADING = "no-preloading"  # a file in the folder: the reason why the next host in this folder preloads nothing
WARM_UP_SECONDS = 120
CLIENT_SECONDS = 5.0  # a client sends its request as soon as it has connected
REQUEST_KEYS = {"command", "env", "folder", "log"}
RECENT_SECONDS = 2.0
UNSURE = -1  # replaces the time of a file's last change if the file may have changed after it was read


@dataclass
class Host:
    """State of the host; a change of `files` (last change in ns) or `reads` makes it stale."""

    folder: Path
    origin: Origin
    files: dict[str, int] = field(default_factory=dict)
    reads: dict[str, str | None] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    running: bool = False
    ending: bool = False


def main(arguments: list[str]) -> None:
    """Warm up, then serve until SIGTERM arrives or no client has connected for IDLE seconds."""
    folder, idle = Path(arguments[0]), float(arguments[1])
    end_with_parent()
    adopt_orphans()
    faulthandler.register(signal.SIGUSR1)
    faulthandler.register(signal.SIGALRM, chain=True)  # what takes too long is seen in the log
    signal.alarm(WARM_UP_SECONDS)
    began = time.time_ns()
    listener = socket.socket(socket.AF_UNIX)
    partial = folder / f"{SOCKET}.new"
    partial.unlink(missing_ok=True)
    listener.bind(str(partial))
    host = Host(folder, warm_up(folder))
    record_loaded_files(host, began)

    def end(*_: object) -> None:
        host.ending = True
        if not host.running:
            sys.exit()

    signal.signal(signal.SIGTERM, end)
    listener.listen(16)
    partial.rename(folder / SOCKET)  # only now, because clients connect as soon as the path exists
    serve(host, listener, idle)


def warm_up(folder: Path) -> Origin:
    """Run a small DAG by Airflow's entry point, to fill all caches, or raise SystemExit."""
    path, home, dags_folder = list(sys.path), os.environ["AIRFLOW_HOME"], os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    shutil.copy(Path(__file__).with_name("warm_up_dag.py"), dags_folder)
    skip_bytecode_of_recent_sources()
    with internals.record_warnings() as recorded:
        reset_plugins = internals.save_plugin_state()
        internals.remember_log_templates()
        internals.keep_dags_folder_out_of_parser()
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
    with warnings.catch_warnings():  # resets Python's record of shown warnings, so runs show them again
        pass
    os.chdir(folder)
    return Origin(path, Path(home).resolve() / "airflow.cfg", internals.find_dags_folder_holders(), recorded)


def skip_bytecode_of_recent_sources() -> None:
    """Write no bytecode of recent sources: a warm run may end within the second of a save.

    Python detects a changed source only by its length and the second of its last change.
    """
    write = SourceFileLoader.set_data

    def set_data(self: SourceFileLoader, path: str, data: Any, **options: Any) -> None:
        if time.time() - get_last_change(self.path) / 1e9 > RECENT_SECONDS:
            write(self, path, data, **options)

    SourceFileLoader.set_data = set_data  # type: ignore[method-assign]


def record_loaded_files(host: Host, since: int) -> None:
    """Record the loaded files; files that changed after `since` (ns) are UNSURE.

    Stops the alarm of the preceding step, and freezes the garbage collector: each object that a collection visits
    makes a fork copy its memory page.
    """
    now = time.time_ns()
    files = {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    files |= set(filter(None, [os.environ.get("AIRFLOW_CONFIG")]))  # a project may set this path
    changes = {file: get_last_change(file) for file in files - host.files.keys()}
    host.files.update({file: UNSURE if since <= change <= now else change for file, change in changes.items()})
    importlib.invalidate_caches()  # a run must find folders that were created later
    gc.collect()
    gc.freeze()
    signal.alarm(0)


def get_last_change(file: str) -> int:
    """Return the time of the file's last change in ns; 0 if the file is missing."""
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 - thousands of them before each run
    except OSError:
        return 0


def find_stale_reason(host: Host, env: Mapping[str, str]) -> str | None:
    """Return why a run in this host would differ from a new process; None if it would not."""
    for file, change in host.files.items():
        if get_last_change(file) != change:
            return f"{file} has changed"
    for name, value in host.reads.items():
        if env.get(name) != value:
            why = f"a preloaded module read {name} during its import, and the value has changed"
            (host.folder / NO_PRELOADING).write_text(why)
            return why
    return None


def serve(host: Host, listener: socket.socket, idle: float) -> None:
    """Execute a run for each client in turn, and preload the modules that the run imported."""
    while not host.ending and select.select([listener], [], [], idle)[0]:
        with listener.accept()[0] as client:
            client.settimeout(CLIENT_SECONDS)
            request = read_request(client)
            if request and (stale := find_stale_reason(host, request["env"])):
                listener.close()  # before the answer, because the client then connects to the next host
                answer(client, {"stale": stale})
                return
            imported = execute_run(host, listener, client, request) if request else []
        names = [name for name in imported if name not in host.refused and name not in sys.modules]
        if names and not host.ending and not (host.folder / NO_PRELOADING).exists():
            began = time.time_ns()
            host.refused.update(preload(names, host.reads))
            record_loaded_files(host, began)


def read_request(client: socket.socket) -> Mapping[str, Any]:
    """Read one line of JSON; return {} for malformed requests and queries of the process id."""
    with suppress(OSError, ValueError), client.makefile("rb") as lines:
        request = json.loads(lines.readline())
        if isinstance(request, dict) and request.keys() >= REQUEST_KEYS:
            return request
    return {}


def answer(client: socket.socket, facts: Mapping[str, Any]) -> None:
    """Write one line of JSON; ignore a client that has gone."""
    with suppress(OSError):
        client.sendall(json.dumps(facts).encode() + b"\n")


def execute_run(host: Host, listener: socket.socket, client: socket.socket, request: Mapping[str, Any]) -> list[str]:
    """Fork for the run, answer with its exit code, return the modules that the run imported."""
    imported = host.folder / "imported"
    imported.unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    host.running = True
    pid = os.fork()
    if pid == 0:
        listener.close()
        run_in_fork(host.origin, request, client, imported)
    code = await_end(pid, [client])
    if code is None:  # the client has closed its connection or exited
        with open(request["log"], "ab", 0) as log:  # noqa: PTH123
            print_stacks(log.fileno())
        os.kill(pid, signal.SIGKILL)
        code = await_end(pid, [], END_SECONDS)
    end_descendants()
    host.running = False
    answer(client, {"exit_code": code})
    return imported.read_text().split() if imported.exists() else []
