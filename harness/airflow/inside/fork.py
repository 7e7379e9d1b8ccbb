"""What happens in a fork of the host: it becomes the process that the command would have been, and ends like it."""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from . import internals
from .preload import newly_imported
from .supervisor import end_with_parent

NOT_BEGUN = 70
"""Exit code of a fork that could not become a run. A run may end with it too, but has said that it began."""
INTERRUPTED = 0x100
"""In place of an exit code, which has eight bits: a KeyboardInterrupt that nothing caught."""
CONFIGURATION = "airflow.cfg"


@dataclass(frozen=True)
class Origin:
    """What each fork needs of the host.

    `path` is `sys.path` before Airflow added folders to it; `warm_up_home` holds the configuration that Airflow wrote.
    """

    path: Sequence[str]
    warm_up_home: Path
    dags_folder_holders: list[Any]
    warned: tuple[list[Any], list[Any]]


def be_the_run(
    origin: Origin, host: int, order: Mapping[str, Any], began: Callable[[], None], imported: Path
) -> NoReturn:
    """In the child: call `began` when all is ready, run the order's command and end.

    The names of modules that the run was the first to import go into the file `imported`.
    """
    try:
        end_with_parent()
        if os.getppid() != host:
            os._exit(NOT_BEGUN)
        detach(order["log"], order["umask"])
        become(order["env"], order["folder"], origin)
        newest = next(reversed(sys.modules))
        internals.repeat_warnings(*origin.warned)
        began()
        run_and_exit(order["command"], lambda: imported.write_text("\n".join(newly_imported(newest))))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(NOT_BEGUN)


def detach(log: str, umask: int) -> None:
    """Give this process a session of its own, the signals of a new process, and its output in `log`."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(umask)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, standard in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(number, standard)
    os.close(output)
    os.close(nothing)


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
    written, own = origin.warm_up_home / CONFIGURATION, Path(env["AIRFLOW_HOME"]) / CONFIGURATION
    if written.exists() and not own.exists():
        shutil.copy(written, own)
    internals.adopt_run(origin.dags_folder_holders)
    ours = __package__.partition(".")[0]
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
    with suppress(Exception):
        at_end()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    if code == INTERRUPTED:  # so ends the interpreter
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def call(command: Sequence[str]) -> int:
    """Return the exit code, or INTERRUPTED."""
    how, *rest = command[1:]
    try:
        if how == "-m":
            sys.argv = list(rest)
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif how == "-c":
            source, *arguments = rest
            sys.argv = ["-c", *arguments]
            sys.path[0] = ""
            main = types.ModuleType("__main__")
            sys.modules["__main__"] = main
            exec(compile(source, "<string>", "exec"), vars(main))  # noqa: S102 - what `python -c` does
        else:
            sys.argv = [how, *rest]
            del sys.path[0]  # run_path puts the program's folder there
            runpy.run_path(how, run_name="__main__")
    except SystemExit as ended:
        return exit_code(ended.code)
    except BaseException as error:
        # Without the frames of the host, as a new process would print it.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def exit_code(value: object) -> int:
    """Return the exit code that Python makes of the argument of `sys.exit`."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    print(value, file=sys.stderr)
    return 1
