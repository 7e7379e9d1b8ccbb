"""What an import does to its process beside making modules: where it does anything, no run can be spared it."""

from __future__ import annotations

import atexit
import builtins
import decimal
import gc
import locale
import logging
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

State = Mapping[str, Any]
TIDY = {"certifi"}
"""Packages whose function at exit only closes their own files."""


@contextmanager
def side_effects() -> Iterator[list[str]]:
    """Puts into the list what has changed when the block ends, and is not what imports may do."""
    known, before, levels, attributes = set(sys.modules), _state(), _levels(), _attributes()
    finders = list(sys.meta_path)
    found: list[str] = []
    reads: dict[str, str | None] = {}
    with _exit_functions() as at_exit, witnessed_reads(reads), _asked_for_folder(reads):
        yield found
    new = {name.partition(".")[0] for name in sys.modules if name not in known}
    after = _state()
    found += [what for what in before if after[what] != before[what]]
    if sys.meta_path[: len(finders)] != finders:  # one behind them takes part only where they find nothing
        found.append("finders before Python's own")
    found += [
        f"level of {name}" for name, level in _levels().items() if level != levels.get(name) and _top(name) not in new
    ]
    found += [f"{one} at exit" for one in at_exit if _top(getattr(one, "__module__", None) or "") not in new | TIDY]
    found += _patched(attributes, _attributes())
    found += [f"use of {name}" for name, value in reads.items() if any(text in (value or "") for text in _of_the_run())]


def _of_the_run() -> list[str]:
    """What another run has otherwise: a module may have put it where nobody finds it."""
    return [os.environ[name] for name in ("HOME", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")]


@contextmanager
def witnessed_reads(reads: dict[str, str | None]) -> Iterator[None]:
    """Notes the variables that are read, with their values."""
    kind: Any = type(os.environ)
    real = kind.__getitem__

    def told(self: Any, name: str) -> Any:
        if name == "HOME" and _in_botocore(sys._getframe(1)):
            return real(self, name)
        reads.setdefault(name, self._data.get(self.encodekey(name), b"").decode() or None)
        return real(self, name)

    kind.__getitem__ = told
    try:
        yield
    finally:
        kind.__getitem__ = real


def _in_botocore(frame: FrameType | None) -> bool:
    """It keeps folders below HOME as strings in classes and lists, which traces.py sets right."""
    for _ in range(4):
        if frame and frame.f_globals.get("__name__", "").startswith("botocore."):
            return True
        frame = frame.f_back if frame else None
    return False


@contextmanager
def _asked_for_folder(reads: dict[str, str | None]) -> Iterator[None]:
    real = os.getcwd

    def getcwd() -> str:
        reads["the working directory"] = real()
        return real()

    os.getcwd = getcwd
    try:
        yield
    finally:
        os.getcwd = real


def _top(name: str) -> str:
    return name.partition(".")[0]


def _state() -> State:
    """All that a process has once and an import can change, in a form that compares."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.flush()
    numpy = sys.modules.get("numpy.random")
    return {
        "environment": dict(os.environ),
        "working directory": os.readlink("/proc/self/cwd"),  # noqa: PTH115 - one that is gone has no Path
        "umask and masked signals": _status("Umask", "SigBlk", "SigIgn"),
        "signal handlers": [signal.getsignal(one) for one in sorted(signal.valid_signals())],
        "sys.path": list(sys.path),
        "path hooks": list(sys.path_hooks),
        "temporary folder": tempfile.tempdir,
        "warning filters": [one for one in warnings.filters if one[1] is None and one[2].__module__ == "builtins"],
        "socket's timeout": socket.getdefaulttimeout(),
        "decimal context": str(decimal.getcontext()),
        "interpreter": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile()],
        "hooks": [sys.excepthook, sys.displayhook, sys.unraisablehook, sys.breakpointhook, threading.excepthook],
        "streams": [sys.stdin, sys.stdout, sys.stderr],
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), list(gc.callbacks)],
        "locale": locale.setlocale(locale.LC_ALL),
        "limits": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
        "priority": os.nice(0),
        "builtins": {name: id(value) for name, value in vars(builtins).items() if name != "_"},
        "seed": random.getstate(),
        "numpy's seed": repr(numpy.get_state()) if numpy else None,
        "threads": threading.active_count(),
        "children": "".join((task / "children").read_text() for task in Path("/proc/self/task").iterdir()),
        "open files": sorted(_open_files()),
        "files in the home": sorted((str(one), one.lstat().st_mtime_ns) for one in Path(os.environ["HOME"]).rglob("*")),
        "output": os.fstat(1).st_size,
        "root logger": [logging.root.level, list(logging.root.handlers), logging.root.manager.disable],
    }


def _levels() -> Mapping[str, int]:
    """Of each logger that has one of its own."""
    loggers = list(logging.root.manager.loggerDict.items())
    return {name: one.level for name, one in loggers if isinstance(one, logging.Logger) and one.level}


@contextmanager
def _exit_functions() -> Iterator[list[Callable[..., object]]]:
    """Those that are registered meanwhile. One that a module has of its own puts that module's things in order."""
    real, found = atexit.register, []

    def register(function: Callable[..., object], *args: Any, **options: Any) -> Any:
        found.append(function)
        return real(function, *args, **options)

    atexit.register = register  # type: ignore[assignment]
    try:
        yield found
    finally:
        atexit.register = real


Attributes = Mapping[tuple[str, str], object]


def _attributes() -> Attributes:
    """Of each module, and of each class in its own module."""
    found: dict[tuple[str, str], object] = {}
    for name, module in list(sys.modules.items()):
        for holder in (module, *_classes(module, name)):
            prefix = f"{name}:{holder.__qualname__}" if isinstance(holder, type) else name
            found[prefix, ""] = holder
            for key, value in list(getattr(holder, "__dict__", {}).items()):
                if not key.startswith(("__", "_abc_")):
                    found[prefix, key] = value
    return found


def _classes(module: object, name: str) -> list[type]:
    values = list(getattr(module, "__dict__", {}).values())
    return [one for one in values if isinstance(one, type) and getattr(one, "__module__", None) == name]


def _patched(before: Attributes, after: Attributes) -> list[str]:
    """What was put in the place of something callable, or into a class. Caches and counters are no patches."""
    found = []
    for (holder, key), value in after.items():
        old = before.get((holder, key), before)
        if old is before:
            if ":" in holder and (holder, "") in before:
                found.append(f"{holder}.{key}")
        elif old is not value and callable(old) and not isinstance(value, ModuleType):
            found.append(f"{holder}.{key}")
    return found


def _status(*names: str) -> list[str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return [line for line in lines if line.partition(":")[0] in names]


def _open_files() -> Collection[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(entry))  # noqa: PTH115 - links to what is no file
    return found
