"""All that the warm runner knows of Airflow's and Python's private names.

Each function says what it relies on. tests/warm/test_internals.py compares these names with the Airflow lines that the
runner was proved on, and says which function to look at when one moves.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

REST_SECONDS = 15.0
# What loads plugins keeps them: in function caches (3.x), or in globals that start as None or empty (2.11). Listeners
# and readers of lineage come from plugins too.
PLUGIN_MODULES = (
    *("airflow.plugins_manager", "airflow.listeners.listener", "airflow.lineage.hook"),
    *("airflow.sdk.plugins_manager", "airflow.sdk.listener", "airflow.sdk.lineage"),
)
PREPARE_PATH = ("prepare_syspath", "prepare_syspath_for_config_and_plugins", "prepare_syspath_for_dags_folder")
"""Functions that add folders to `sys.path`, as far as a line has them."""
TASK_RUNNERS = ("airflow.sdk.definitions.dag", "airflow.models.dag")
"""Modules whose function `_run_task` runs one task of `dags test`."""


def remember_log_templates() -> None:
    """Read the columns of the table of log templates once: every command asks the database for them at length.

    They are the same in every database of this version. Relies on `airflow.utils.db.reflect_tables`.
    """
    db = importlib.import_module("airflow.utils.db")
    read: Callable[..., Any] = db.reflect_tables
    known: list[Any] = []

    def reflect_tables(tables: list[Any] | None, session: Any) -> Any:
        if [getattr(table, "__tablename__", None) for table in tables or ()] != ["log_template"]:
            return read(tables, session)
        if not known:
            known.append(read(tables, session))
        return known[0]

    db.reflect_tables = reflect_tables  # type: ignore[attr-defined]


def note_plugin_state() -> Callable[[], None]:
    """Before the warm-up: return a function that makes Airflow look for plugins again, as at its start."""
    state: list[tuple[Any, str, Any]] = []
    for name in PLUGIN_MODULES:
        with suppress(ImportError):
            module = importlib.import_module(name)
            state += [
                (module, key, value)
                for key, value in vars(module).items()
                if value is None or (type(value) in (set, list, dict) and not value and not key.startswith("__"))
            ]

    def reset() -> None:
        for module, key, value in state:
            if value is None:
                setattr(module, key, None)
            else:
                value.clear()
        for module in [sys.modules[name] for name in PLUGIN_MODULES if name in sys.modules]:
            for value in list(vars(module).values()):
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()

    return reset


def come_to_rest() -> None:
    """After the warm-up: end threads and connections, which no fork would have. Raises SystemExit if a thread stays.

    Relies on `in_process_api_server` and `transport` (3.x: the execution API runs in a thread, and is started again
    when there is no transport), on `settings.Session`, `engine` and `async_engine`.
    """
    supervisor: Any = sys.modules.get("airflow.sdk.execution_time.supervisor")
    if supervisor is not None:
        with suppress(AttributeError):
            del supervisor.in_process_api_server().transport
    deadline = time.monotonic() + REST_SECONDS
    while threading.active_count() > 1:
        if time.monotonic() > deadline:
            raise SystemExit(f"the warm-up left threads behind: {threading.enumerate()}")
        gc.collect()  # Airflow ends its execution API when the last client of it is collected
        time.sleep(0.05)
    settings: Any = sys.modules["airflow.settings"]
    settings.Session.remove()
    for name in ("engine", "async_engine"):
        engine = getattr(settings, name, None)
        if engine is not None:
            getattr(engine, "sync_engine", engine).dispose()


def holders_of_dags_folder() -> list[Any]:
    """Return the modules that have copied `airflow.settings.DAGS_FOLDER` under its own name."""
    folder = sys.modules["airflow.settings"].DAGS_FOLDER
    return [one for one in list(sys.modules.values()) if getattr(one, "__dict__", {}).get("DAGS_FOLDER") == folder]


def adopt_run(holders: list[Any]) -> None:
    """In a fork, when `os.environ` is the run's: take over the folders and secrets of the run.

    All else that Airflow has read is the same for each run of a host. Relies on `configure_vars` and `prepare_syspath*`
    of `airflow.settings`, `conf.mask_secrets`, and in 2.x on the default of `ARG_SUBDIR`, which is the dags folder.
    """
    settings: Any = sys.modules["airflow.settings"]
    settings.configure_vars()
    for module in holders:
        module.DAGS_FOLDER = settings.DAGS_FOLDER
    for name in PREPARE_PATH:
        getattr(settings, name, lambda: None)()
    configuration: Any = sys.modules["airflow.configuration"]
    configuration.conf.mask_secrets()
    subdir = getattr(sys.modules.get("airflow.cli.cli_config"), "ARG_SUBDIR", None)
    if subdir is not None and "default" in subdir.kwargs:
        subdir.kwargs["default"] = settings.DAGS_FOLDER
        sys.modules["airflow.cli.cli_parser"].get_parser.cache_clear()


@contextmanager
def heard_warnings() -> Iterator[tuple[list[Any], list[Any]]]:
    """Collect the warnings that imports give: before the first task, and with it. They are shown as usual.

    Relies on `warnings._showwarnmsg`, since Airflow replaces the public hook, and on the name of importlib's
    `_find_and_load`.
    """
    module: Any = warnings
    show = module._showwarnmsg
    at_start: list[Any] = []
    with_task: list[Any] = []

    def note(message: Any) -> None:
        show(message)
        names = set()
        frame: Any = sys._getframe(1)
        while frame:
            names.add(frame.f_code.co_name)
            frame = frame.f_back
        if "_find_and_load" in names:
            (with_task if "_run_task" in names else at_start).append(message)

    module._showwarnmsg = note
    try:
        yield at_start, with_task
    finally:
        module._showwarnmsg = show


def repeat_warnings(at_start: list[Any], with_task: list[Any]) -> None:
    """In a fork: show what a new process would have shown while it imported Airflow.

    Relies on `_run_task` of TASK_RUNNERS: some imports wait for the first task.
    """
    module: Any = warnings

    def show(messages: list[Any]) -> None:
        for message in messages:
            module._showwarnmsg(message)

    def repeating(holder: Any, run_task: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(run_task)
        def first(*args: Any, **options: Any) -> Any:
            holder._run_task = run_task
            show(with_task)
            return run_task(*args, **options)

        return first

    show(at_start)
    for holder in [sys.modules.get(name) for name in TASK_RUNNERS] if with_task else ():
        if hasattr(holder, "_run_task"):
            holder._run_task = repeating(holder, holder._run_task)  # type: ignore[union-attr]


def end_interpreter() -> None:
    """Wait for threads and call the functions registered with atexit, as Python does when it ends.

    Relies on `threading._shutdown` and `atexit._run_exitfuncs`.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
