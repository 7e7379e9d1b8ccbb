"""One run of a small DAG inside the host itself, so that its forks find Airflow imported, built and in its caches."""

from __future__ import annotations

import gc
import os
import runpy
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

DAG_ID = "harness_rehearsal"
DATE = "2021-01-01"
# Both Airflow lines; a return value, so that XComs are warm too.
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
REST_SECONDS = 10.0


def rehearse(home: Path, dags_folder: Path) -> None:
    """Runs the rehearsal DAG through Airflow's own entry point, in the environment that is set.

    Only the main thread is left when this returns: a fork takes no other along. Raises SystemExit where it fails.
    """
    dags_folder.mkdir(parents=True, exist_ok=True)
    (dags_folder / "rehearsal.py").write_text(DAG_FILE)
    sys.argv = ["airflow", "dags", "test", DAG_ID, DATE]
    os.chdir(home)
    sys.path[0] = str(home)
    try:
        runpy.run_module("airflow", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise
    _come_to_rest(dags_folder)


def _come_to_rest(dags_folder: Path) -> None:
    _end_execution_api()
    deadline = time.monotonic() + REST_SECONDS
    while len(threading.enumerate()) > 1:
        if time.monotonic() > deadline:
            raise SystemExit(f"the rehearsal left threads behind: {threading.enumerate()}")
        gc.collect()  # Airflow ends its execution API when the last client of it is collected
        time.sleep(0.05)
    settings = sys.modules["airflow.settings"]
    settings.Session.remove()
    for name in ("engine", "async_engine"):
        engine = getattr(settings, name, None)
        if engine is not None:
            getattr(engine, "sync_engine", engine).dispose()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{dags_folder}{os.sep}"):
            del sys.modules[name]
    # What the rehearsal has been warned of is to be told again in every run.
    with suppress(AttributeError):
        warnings._filters_mutated()  # type: ignore[attr-defined]


def _end_execution_api() -> None:
    """Airflow 3 serves its execution API from a thread, which no fork has; each makes it anew, from the built app."""
    supervisor = sys.modules.get("airflow.sdk.execution_time.supervisor")
    if supervisor is not None:
        api = supervisor.in_process_api_server()
        with suppress(AttributeError):
            del api.transport
