"""What happens in a fork of the host: it becomes the process that the command would have been, and ends like it."""

from __future__ import annotations

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

INTERRUPTED = 0x100  # in place of an exit code, which has eight bits: a KeyboardInterrupt that nothing caught


class Origin(NamedTuple):
    """What each fork needs. `path`: `sys.path` without Airflow's additions; `configuration`: the file Airflow wrote."""

    path: Sequence[str]
    configuration: Path
    dags_folder_holders: list[Any]
    warned: tuple[list[Any], list[Any]]


def run_in_fork(origin: Origin, order: Mapping[str, Any], client: socket.socket, imported: Path) -> NoReturn:
    """In the child: tell the client when all is ready, run the order's command and end.

    The names of installed modules that the run was the first to import go into the file `imported`.
    """
    try:
        detach(order["log"])
        become(order["env"], order["folder"], origin)
        newest = next(reversed(sys.modules))
        internals.repeat_warnings(*origin.warned)
        client.sendall(b'{"began": true}\n')
        client.close()
        run_and_exit(order["command"], lambda: imported.write_text("\n".join(list_new_imports(newest))))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def detach(log: str) -> None:
    """Give this process a session of its own, the signals of a new process, and its output in `log`."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    files = [os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)]
    for standard in range(3):
        os.dup2(files[min(standard, 1)], standard)
    for file in files:
        os.close(file)


def become(env: Mapping[str, str], folder: str, origin: Origin) -> None:
    """Replace environment, folder and Airflow's settings by those of the run, and forget the harness's modules."""
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
    ours = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == ours]:
        del sys.modules[name]


def run_and_exit(command: Sequence[str], at_end: Callable[[], object]) -> NoReturn:
    """Do what `command`, this very Python with -m, -c or a path, would do, and end as the interpreter ends."""
    code = 1
    with suppress(AttributeError):  # Python 3.9
        sys.orig_argv[:] = command
    try:
        code = call(command)
        internals.end_interpreter()
    except BaseException:
        traceback.print_exc()
    for end in (at_end, sys.stdout.flush, sys.stderr.flush):
        with suppress(Exception):
            end()
    if code == INTERRUPTED:  # so ends the interpreter
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def call(command: Sequence[str]) -> int:
    """Return the exit code, or INTERRUPTED."""
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
            del sys.path[0]  # run_path puts the program's folder there
            runpy.run_path(how, run_name="__main__")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return (ended.code or 0) & 0xFF
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException as error:
        # Without the frames of the host, as a new process would print it.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0
