"""Preloading: the host imports installed modules that a run has imported, for later runs.

The project's own modules are never preloaded, because their files change between runs. The values of variables that a
module reads during its import are recorded, because other values may give another module.
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
"""Limit of the trial, of all trials of single packages, and of the import; a run that arrives meanwhile waits 30 s."""
SCHEMES = ("purelib", "platlib", "stdlib", "platstdlib")
INSTALLED = tuple(os.path.realpath(sysconfig.get_path(name)) + os.sep for name in SCHEMES)
# Variables whose values differ in every run.
RUN_VARIABLES = {"AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__FERNET_KEY"}
FINDERS = len(sys.meta_path)  # Python's own finders; finders behind these only get names that these don't find


def list_new_imports(newest: str) -> list[str]:
    """Return the installed modules that were imported after `newest`, in order of import."""
    names: list[str] = []
    for name in reversed(sys.modules):  # from the end, because access to an older module copies a memory page
        if name == newest:
            break
        file = getattr(sys.modules[name], "__file__", None)
        if file and os.path.realpath(file).startswith(INSTALLED):
            names.append(name)
    return names[::-1]


def preload(names: Sequence[str], reads: dict[str, str | None]) -> list[str]:
    """Import the modules that are harmless in a trial fork; return the refused others.

    If the trial of all modules fails, each package is tried alone while time remains. Adds to `reads` each variable
    that was read, with its value. The alarm set here ends this process if an import hangs that did not hang in its
    trial; the caller stops the alarm.
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
    """Import the modules that are not imported yet."""
    for name in names:
        if name not in sys.modules:
            importlib.import_module(name)


def is_harmless(names: Sequence[str], seconds: float) -> bool:
    """Try imports in a fork; return whether no error, thread, warning or change occurs."""
    pid = os.fork() if seconds > 0 else None
    if pid == 0:
        harm: list[str] = ["an error"]
        try:
            end_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            signal.setitimer(signal.ITIMER_REAL, seconds)
            reads: dict[str, str | None] = {}
            before = get_process_state()
            with internals.record_warnings() as warned, record_reads(reads):
                load(names)
            harm = [aspect for aspect, value in get_process_state().items() if value != before[aspect]]
            harm += [f"use of {name}" for name in RUN_VARIABLES & reads.keys()] + ["a warning"] * bool(warned)
        finally:
            if harm:
                print(f"not preloaded, because of {', '.join(harm)}: {', '.join(names)}", flush=True)
            os._exit(bool(harm))
    ended = await_end(pid, []) if pid else None
    end_descendants()
    return ended == 0


def get_process_state() -> dict[str, Any]:
    """Return the state that an import must not change, because other runs would notice."""
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "path": list(sys.path),
        "finders": sys.meta_path[:FINDERS],
        "threads": threading.active_count(),
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
    }


@contextmanager
def record_reads(reads: dict[str, str | None]) -> Iterator[None]:
    """Record the variables that are read, with their values."""
    kind: Any = type(os.environ)
    real = kind.__getitem__

    def record(self: Any, name: str) -> Any:
        reads.setdefault(name, None)
        reads[name] = real(self, name)
        return reads[name]

    kind.__getitem__ = record
    try:
        yield
    finally:
        kind.__getitem__ = real
