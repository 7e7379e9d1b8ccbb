"""Execute a run in a fork of the host as a new process would."""

from __future__ import annotations

import faulthandler
import os
import runpy
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from . import internals
from .preload import list_new_imports

INTERRUPTED = 0x100  # an uncaught KeyboardInterrupt; exit codes have eight bits


class Origin(NamedTuple):
    """The host's state: `path` before Airflow's changes, Airflow's `configuration` file."""

    path: Sequence[str]
    configuration: Path
    dags_folder_holders: list[Any]
    warnings: list[Any]


def run_in_fork(origin: Origin, request: Mapping[str, Any], client: socket.socket, imported: Path) -> NoReturn:
    """In the child: prepare the process, send "began", execute the command, exit.

    Writes the names of installed modules that the host has not imported, but the run has, to the file `imported`.
    """
    try:
        detach(request["log"])
        adopt_environment(request["env"], request["folder"], origin)
        newest = next(reversed(sys.modules))
        internals.repeat_warnings(origin.warnings)
        client.sendall(b'{"began": true}\n')
        client.close()
        run_and_exit(request["command"], lambda: imported.write_text("\n".join(list_new_imports(newest))))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def detach(log: str) -> None:
    """Start a new process session with default signals, and redirect the output to `log`."""
    os.setsid()
    faulthandler.unregister(signal.SIGALRM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    files = [os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)]
    for standard in range(3):
        os.dup2(files[min(standard, 1)], standard)
    for file in files:
        os.close(file)


def adopt_environment(env: Mapping[str, str], folder: str, origin: Origin) -> None:
    """Adopt the run's environment, folder and settings; unload the harness's modules."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(folder)
    tempfile.tempdir = None
    sys.path[:] = [folder, *origin.path[1:]]
    numpy: Any = sys.modules.get("numpy")
    if numpy:
        numpy.random.seed()  # Python seeds its own generator after a fork
    own = Path(env["AIRFLOW_HOME"]) / origin.configuration.name
    if origin.configuration.exists() and not own.exists():
        shutil.copy(origin.configuration, own)
    internals.load_run_settings(origin.dags_folder_holders)
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def run_and_exit(command: Sequence[str], at_end: Callable[[], object]) -> NoReturn:
    """Execute `command` (this Python with -m, -c or a path), and exit as the interpreter does."""
    code = 1
    with suppress(AttributeError):  # Python 3.9
        sys.orig_argv[:] = command
    try:
        code = call_command(command)
        internals.end_interpreter()
    except BaseException:
        traceback.print_exc()
    for end in (at_end, sys.stdout.flush, sys.stderr.flush):
        with suppress(Exception):
            end()
    if code == INTERRUPTED:  # the interpreter ends this way too
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def call_command(command: Sequence[str]) -> int:
    """Execute `command` and return its exit code, or INTERRUPTED."""
    how, *rest = command[1:]
    try:
        if how == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif how == "-c":
            source, *arguments = rest
            sys.argv = ["-c", *arguments]
            sys.path[0] = ""
            sys.modules["__main__"] = main = types.ModuleType("__main__")
            exec(compile(source, "<string>", "exec"), vars(main))  # noqa: S102 - what `python -c` does
        else:
            sys.argv = [how, *rest]
            del sys.path[0]  # run_path adds the program's folder
            runpy.run_path(how, run_name="__main__")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return (ended.code or 0) & 0xFF
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None  # without the host's frames
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0
