"""What happens in a fork of the host: it becomes the process that `python -m airflow ...` would have been."""

from __future__ import annotations

import atexit
import ctypes
import os
import runpy
import signal
import sys
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from harness.airflow.warm.shortcuts import lay_down_configuration
from harness.airflow.warm.traces import Traces, replace_traces, replaced, without_scheme

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
INTERRUPTED = 0x100
"""In place of an exit code, which has eight bits: the run ended by a KeyboardInterrupt that nobody caught."""


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere nothing happens, and what escapes a run there may outlive it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def end_with_the_host(host: int) -> None:
    """`host` is its process id."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host:  # it has gone before it was asked for
        os._exit(0)


def detach(log: str, umask: int) -> None:
    """A session of its own, the signals of a new process, its output in `log`. It adopts its orphans."""
    os.setsid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    for one in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(umask)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, standard in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(number, standard)
    os.close(output)
    os.close(nothing)


def become(
    env: Mapping[str, str], folder: str, traces: Traces, configuration: str | None, hidden: Sequence[str]
) -> None:
    """Environment, folder and Airflow's settings of the run, in place of the rehearsal's.

    `configuration` is the text of the file that Airflow wrote into the rehearsal's home. The modules `hidden` are the
    harness's: a run finds them where a fresh process would, or a package of its own with that name.
    """
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(folder)
    tempfile.tempdir = None
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # Python's own generator does so by itself after a fork
    new = {
        "home": env["AIRFLOW_HOME"],
        "dags_folder": env["AIRFLOW__CORE__DAGS_FOLDER"],
        "metadata": without_scheme(env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]),
    }
    if configuration is not None:
        lay_down_configuration(Path(new["home"]), replaced(configuration, traces, new))
    replace_traces(traces, new)
    sys.path[0] = folder
    _configure_airflow()
    for name in hidden:
        del sys.modules[name]


def _configure_airflow() -> None:
    settings: Any = sys.modules["airflow.settings"]
    settings.configure_vars()
    prepare = getattr(settings, "prepare_syspath_for_config_and_plugins", None) or settings.prepare_syspath
    prepare()
    for url, engine in _engines(settings):
        _redirect(engine, url)
    _forget_plugins()
    _mask_secrets()


def _mask_secrets() -> None:
    """Airflow keeps the secrets of its settings out of logs; it has learned the rehearsal's."""
    for name in SECRETS_MASKERS:
        if module := sys.modules.get(name):
            masker: Any = vars(module)["_secrets_masker"]()
            masker.patterns, masker.replacer = set(), None
    configuration: Any = sys.modules["airflow.configuration"]
    configuration.conf.mask_secrets()


SECRETS_MASKERS = (
    "airflow.utils.log.secrets_masker",
    "airflow._shared.secrets_masker.secrets_masker",
    "airflow.sdk._shared.secrets_masker.secrets_masker",
)


def _engines(settings: Any) -> list[tuple[str, Any]]:
    """Airflow's SQLAlchemy engines, each with the URL it is to have. 2.11 has one, 3.x an asynchronous one too."""
    found = [(settings.SQL_ALCHEMY_CONN, settings.engine)]
    asynchronous = getattr(settings, "async_engine", None)
    if asynchronous is not None:
        found.append((settings.SQL_ALCHEMY_CONN_ASYNC, asynchronous.sync_engine))
    return found


def _redirect(engine: Any, url: str) -> None:
    """The engine of the rehearsal knows every statement compiled; only where it connects is the run's own."""
    from sqlalchemy import event
    from sqlalchemy.engine import make_url

    engine.url = make_url(url)
    _, parameters = engine.dialect.create_connect_args(engine.url)
    # In 2.x an event of the engine, in 1.4 of the dialect's class: `listen` knows.
    event.listen(engine, "do_connect", lambda dialect, record, arguments, given: given.update(parameters))


def _forget_plugins() -> None:
    """The rehearsal had none. 3.x keeps what it loaded in function caches, 2.11 in globals that start as None."""
    for module in [sys.modules.get(name) for name in PLUGIN_MODULES]:
        for name, value in list(vars(module).items()) if module else ():
            if callable(getattr(value, "cache_clear", None)):
                value.cache_clear()
            elif name in PLUGIN_GLOBALS:
                setattr(module, name, None)


# Listeners and readers of lineage come from plugins, and their managers are made with the first use.
PLUGIN_MODULES = (
    *("airflow.plugins_manager", "airflow.listeners.listener", "airflow.lineage.hook"),
    *("airflow.sdk.plugins_manager", "airflow.sdk.listener", "airflow.sdk.lineage"),
)
PLUGIN_GLOBALS = (
    *("_listener_manager", "_hook_lineage_collector"),
    *("plugins", "macros_modules", "admin_views", "flask_blueprints", "fastapi_apps", "fastapi_root_middlewares"),
    *(
        "external_views",
        "menu_links",
        "flask_appbuilder_views",
        "flask_appbuilder_menu_links",
        "global_operator_extra_links",
    ),
    *("operator_extra_links", "registered_operator_link_classes", "registered_ti_dep_classes", "timetable_classes"),
    *("hook_lineage_reader_classes", "priority_weight_strategy_classes"),
)


def run_and_exit(command: Sequence[str], report: Any) -> NoReturn:
    """Does what `command`, a call of this very Python with -m or -c, would do, and ends as the interpreter ends.

    `report` is called with the exit code before the process ends.
    """
    code = 1
    sys.orig_argv[:] = command
    try:
        code = _main(command)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    with suppress(Exception):
        report()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    end_descendants()
    if code == INTERRUPTED:  # so ends the interpreter
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def _main(command: Sequence[str]) -> int:
    """The exit code, or INTERRUPTED."""
    how, what, *arguments = command[1:]
    try:
        if how == "-m":
            sys.argv = [what, *arguments]
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            sys.argv = ["-c", *arguments]
            sys.path[0] = ""
            main = types.ModuleType("__main__")
            sys.modules["__main__"] = main
            exec(compile(what, "<string>", "exec"), vars(main))  # noqa: S102 - what `python -c` does
    except SystemExit as ended:
        return _exit_code(ended.code)
    except BaseException as error:
        # Without the frames of the host, as a fresh process would print it.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    print(value, file=sys.stderr)
    return 1


def end_descendants(spared: Sequence[int] = ()) -> None:
    """Kills the children of this process, adopted ones too, until none but `spared` is left.

    Another user's process, as one that sudo started, can't be killed; it is left alone.
    """
    out_of_reach = set(spared)
    while left := [pid for pid in children() if pid not in out_of_reach]:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except PermissionError:
                out_of_reach.add(pid)
            except (ProcessLookupError, ChildProcessError):
                pass


def children() -> list[int]:
    """The process ids of this process's children; none where there is no /proc."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found
