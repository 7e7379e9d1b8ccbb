"""All uses of private names of Airflow and Python by the warm runner.

Each docstring lists the names that the function relies on. tests/warm/test_internals.py compares these names with the
Airflow lines on which the runner is proved, and names the function to check if a private name changes.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

REST_SECONDS = 15.0
PLUGIN_MODULES = (
    *("airflow.plugins_manager", "airflow.listeners.listener", "airflow.lineage.hook"),
    *("airflow.sdk.plugins_manager", "airflow.sdk.listener", "airflow.sdk.lineage"),
)
PREPARE_PATH = ("prepare_syspath", "prepare_syspath_for_config_and_plugins", "prepare_syspath_for_dags_folder")


def remember_log_templates() -> None:
    """Reflect the table of log templates once, because each command repeats slow queries.

    The columns are the same in every database of this version. Relies on `airflow.utils.db.reflect_tables`.
    """
    db: Any = importlib.import_module("airflow.utils.db")
    read, known = db.reflect_tables, list[Any]()

    def reflect_tables(tables: list[Any] | None, session: Any) -> Any:
        if [getattr(table, "__tablename__", None) for table in tables or ()] != ["log_template"]:
            return read(tables, session)
        if not known:
            known.append(read(tables, session))
        return known[0]

    db.reflect_tables = reflect_tables


def keep_dags_folder_out_of_parser() -> None:
    """Before the warm-up: make Airflow's cached command parser the same for each dags folder.

    Relies on the default of `ARG_SUBDIR` (2.x), and on `process_subdir` to replace the word DAGS_FOLDER.
    """
    cli: Any = importlib.import_module("airflow.cli.cli_config")
    if hasattr(cli, "ARG_SUBDIR"):
        cli.ARG_SUBDIR.kwargs["default"] = "DAGS_FOLDER"


def save_plugin_state() -> Callable[[], None]:
    """Before the warm-up: return a function that makes Airflow load its plugins again.

    Relies on PLUGIN_MODULES to hold plugins in function caches (3.x) or in globals that begin as None or empty (2.x).
    """
    modules: list[Any] = []
    for name in PLUGIN_MODULES:
        with suppress(ImportError):
            modules.append(importlib.import_module(name))
    names = [(module, key) for module in modules for key in vars(module) if not key.startswith("__")]
    none = [(module, key) for module, key in names if getattr(module, key) is None]
    empty = [value for module, key in names if type(value := getattr(module, key)) in (set, list, dict) and not value]

    def reset() -> None:
        for module, key in none:
            setattr(module, key, None)
        for container in empty:
            container.clear()
        for value in [value for module in modules for value in vars(module).values()]:
            if callable(getattr(value, "cache_clear", None)):
                value.cache_clear()

    return reset


def end_threads() -> None:
    """After the warm-up: end threads and connections. Raises SystemExit if a thread remains.

    Relies on `in_process_api_server` and `transport` (3.x: the execution API runs in a thread, and Airflow starts the
    API again if there is no transport), `settings.Session`, `engine` and `async_engine`.
    """
    supervisor: Any = sys.modules.get("airflow.sdk.execution_time.supervisor")
    with suppress(AttributeError):
        del supervisor.in_process_api_server().transport
    deadline = time.monotonic() + REST_SECONDS
    while threading.active_count() > 1:
        if time.monotonic() > deadline:
            raise SystemExit(f"threads of the warm-up are still running: {threading.enumerate()}")
        gc.collect()  # Airflow ends its execution API when the API's last client is collected
        time.sleep(0.05)
    settings: Any = sys.modules["airflow.settings"]
    settings.Session.remove()
    for engine in filter(None, [getattr(settings, name, None) for name in ("engine", "async_engine")]):
        getattr(engine, "sync_engine", engine).dispose()


def find_dags_folder_holders() -> list[Any]:
    """Return the modules with a copy of `airflow.settings.DAGS_FOLDER` under the same name."""
    folder = sys.modules["airflow.settings"].DAGS_FOLDER
    return [each for each in list(sys.modules.values()) if getattr(each, "__dict__", {}).get("DAGS_FOLDER") == folder]


def load_run_settings(holders: list[Any]) -> None:
    """In a fork, with the run's `os.environ`: load the folders and secrets of the run.

    All other settings are the same for each run of a host. Relies on `configure_vars`, PREPARE_PATH of
    `airflow.settings` (where available), and `conf.mask_secrets`.
    """
    settings: Any = sys.modules["airflow.settings"]
    settings.configure_vars()
    for module in holders:
        module.DAGS_FOLDER = settings.DAGS_FOLDER
    for name in PREPARE_PATH:
        getattr(settings, name, lambda: None)()
    configuration: Any = sys.modules["airflow.configuration"]
    configuration.conf.mask_secrets()


@contextmanager
def record_warnings() -> Iterator[list[Any]]:
    """Show the warnings in this context, and record those that an import causes.

    Relies on `warnings._showwarnmsg`, because Airflow replaces the public hook, and on importlib's `_find_and_load`.
    """
    module: Any = warnings
    show = module._showwarnmsg
    recorded: list[Any] = []

    def record(message: Any) -> None:
        show(message)
        if any(frame.name == "_find_and_load" for frame in traceback.extract_stack()):
            recorded.append(message)

    module._showwarnmsg = record
    try:
        yield recorded
    finally:
        module._showwarnmsg = show


def repeat_warnings(recorded: list[Any]) -> None:
    """In a fork: show the warnings that a new process shows while it imports Airflow."""
    for message in recorded:
        vars(warnings)["_showwarnmsg"](message)


def end_interpreter() -> None:
    """End as Python does: wait for threads, then call functions registered with atexit.

    Relies on `threading._shutdown` and `atexit._run_exitfuncs`.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
