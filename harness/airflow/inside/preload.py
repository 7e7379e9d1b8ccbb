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
# Variables that every run has with another value.
OF_THE_RUN = {"AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__FERNET_KEY"}
FINDERS = len(sys.meta_path)  # Python's own; one behind them takes part only where they find nothing


def list_new_imports(newest: str) -> list[str]:
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
    variable that was read meanwhile, with its value. The alarm that is set here ends this process if an import hangs
    that did not hang in its trial; the caller stops it.
    """
    deadline = time.monotonic() + 2 * SECONDS
    groups = [list(names)]
    if not is_harmless(names, SECONDS):
        tops = list(dict.fromkeys(name.partition(".")[0] for name in names))
        groups = [[name for name in names if name.partition(".")[0] == top] for top in tops if len(tops) > 1]
        groups = [group for group in groups if is_harmless(group, deadline - time.monotonic())]
    signal.alarm(SECONDS)
    good = [name for group in groups for name in group]
    with record_reads(reads):
        load(good)
    return [name for name in names if name not in good]


def load(names: Sequence[str]) -> None:
    """Import what is not there yet."""
    for name in names:
        if name not in sys.modules:
            importlib.import_module(name)


def is_harmless(names: Sequence[str], seconds: float) -> bool:
    """Try the imports in a fork: is there no error, no thread, no warning, no change of the process?"""
    pid = os.fork() if seconds > 0 else None
    if pid == 0:
        harm: list[str] = ["an error or the time"]
        try:
            end_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            signal.setitimer(signal.ITIMER_REAL, seconds)
            reads: dict[str, str | None] = {}
            before = process_state()
            with internals.record_warnings() as warned, record_reads(reads):
                load(names)
            harm = [what for what, value in process_state().items() if value != before[what]]
            harm += [f"use of {name}" for name in OF_THE_RUN & reads.keys()] + ["a warning"] * any(warned)
        finally:
            if harm:
                print(f"not preloaded, for {', '.join(harm)}: {', '.join(names)}", flush=True)
            os._exit(bool(harm))
    ended = await_end(pid, []) if pid else None
    end_descendants()
    return ended == 0


def process_state() -> dict[str, Any]:
    """What an import must leave as it was, since runs that don't import the module would find it changed."""
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "path": list(sys.path),
        "finders": sys.meta_path[:FINDERS],
        "threads": threading.active_count(),
        "signals": [signal.getsignal(one) for one in sorted(signal.valid_signals())],
    }


@contextmanager
def record_reads(reads: dict[str, str | None]) -> Iterator[None]:
    """Note the variables that are read, with their values."""
    kind: Any = type(os.environ)
    real = kind.__getitem__

    def noted(self: Any, name: str) -> Any:
        reads.setdefault(name, None)
        reads[name] = real(self, name)
        return reads[name]

    kind.__getitem__ = noted
    try:
        yield
    finally:
        kind.__getitem__ = real
