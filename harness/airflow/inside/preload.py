"""Preloading: what a run was the first to import of installed packages, the host imports for the next runs.

Never the project's own modules, whose files change between two runs. A module that reads variables while it is imported
would be another one with other values, so these are kept.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import internals
from .supervisor import await_end, end_descendants, end_with_parent

SECONDS = 8
"""For the trial, for those of single packages, and for the import itself: a run that comes meanwhile waits 30."""
SCHEMES = ("purelib", "platlib", "stdlib", "platstdlib")
INSTALLED = tuple(os.path.realpath(sysconfig.get_path(name)) + os.sep for name in SCHEMES)
FOLDER = "the working directory"
OF_THE_RUN = (
    FOLDER,
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__FERNET_KEY",
)
"""What every run has with another value: the rest are variables."""


def newly_imported(newest: str) -> list[str]:
    """Return the installed modules that this process has imported after `newest`, in that order."""
    found: list[str] = []
    for name in reversed(sys.modules):  # from the end: each look at an older one copies a page of the host's
        if name == newest:
            break
        file = getattr(sys.modules[name], "__file__", None)
        if file and os.path.realpath(file).startswith(INSTALLED):
            found.append(name)
    return found[::-1]


def preload(names: Sequence[str], reads: dict[str, str | None]) -> list[str]:
    """Import those modules in which a trial fork finds no harm, and return the others, which are refused.

    If there is harm in all together, each package is tried alone, as long as there is time. Adds to `reads` each
    variable that was read meanwhile, with its value. An import that hangs here and did not in its trial ends this
    process.
    """
    deadline = time.monotonic() + 2 * SECONDS
    groups = [list(names)] if harmless(names, SECONDS) else []
    if not groups:
        by_package: dict[str, list[str]] = {}
        for name in names:
            by_package.setdefault(name.partition(".")[0], []).append(name)
        if len(by_package) > 1:
            groups = [one for one in by_package.values() if harmless(one, deadline - time.monotonic())]
    signal.alarm(SECONDS)
    with reading(reads):
        for group in groups:
            load(group)
    signal.alarm(0)
    return [name for name in names if not any(name in group for group in groups)]


def load(names: Sequence[str]) -> None:
    """Import what is not there yet. What fails does so in each run too."""
    for name in names:
        if name not in sys.modules:
            importlib.import_module(name)


def harmless(names: Sequence[str], seconds: float) -> bool:
    """Try the imports in a fork: is there no error, no thread, no warning, no change of the process?"""
    if seconds <= 0:
        return False
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            end_with_parent()
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            reads: dict[str, str | None] = {}
            before = process_state()
            with internals.heard_warnings() as warned, reading(reads):
                load(names)
            harm = [
                *(["a warning"] if any(warned) else []),
                *(f"use of {name}" for name in OF_THE_RUN if name in reads),
                *(what for what, value in process_state().items() if value != before[what]),
            ]
            if harm:
                print(f"not preloaded, for {', '.join(harm)}: {', '.join(names)}", flush=True)
            code = int(bool(harm))
        finally:
            os._exit(code)
    ended = await_end(pid, [])
    end_descendants()
    return ended == 0


def process_state() -> dict[str, Any]:
    """What an import must leave as it was, since runs that don't import the module would find it changed."""
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "path": list(sys.path),
        "finders": list(sys.meta_path),
        "threads": threading.active_count(),
        "signals": [signal.getsignal(one) for one in sorted(signal.valid_signals())],
    }


@contextmanager
def reading(reads: dict[str, str | None]) -> Iterator[None]:
    """Note the variables that are read, with their values, and whether the working directory is asked for."""
    kind: Any = type(os.environ)
    real, getcwd = kind.__getitem__, os.getcwd

    def folder() -> str:
        reads[FOLDER] = None
        return getcwd()

    def noted(self: Any, name: str) -> Any:
        try:
            value = real(self, name)
        except KeyError:
            reads.setdefault(name, None)
            raise
        reads.setdefault(name, value)
        return value

    kind.__getitem__, os.getcwd = noted, folder
    try:
        yield
    finally:
        kind.__getitem__, os.getcwd = real, getcwd
