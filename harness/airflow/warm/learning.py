"""Modules that runs have imported are imported in the host, so that the next run finds them there.

Only installed ones: the project's own files may change between two runs. What such a module reads of the environment
while it is imported is witnessed, since with other values it would have become another module.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import sysconfig
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.airflow.warm.warned import listening

INSTALLED = tuple(
    os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("purelib", "platlib", "stdlib", "platstdlib")
)

TRIAL_TIMEOUT = 60


@dataclass
class Learned:
    """`reads`: each variable that was read during an import, with the value it had.

    `refused` are modules whose import can't be taken out of a run. `off` is the reason why hosts here learn no more,
    None where they do.
    """

    modules: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    reads: dict[str, str | None] = field(default_factory=dict)
    off: str | None = None


def imported_since(known: Collection[str]) -> list[str]:
    """Installed modules that this process has imported and `known` doesn't hold, in the order of their import."""
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in known and name != "__main__" and _installed(getattr(module, "__file__", None))
    ]


def _installed(file: str | None) -> bool:
    return file is not None and os.path.realpath(file).startswith(INSTALLED)


def learn(names: Sequence[str], learned: Learned) -> bool:
    """Imports `names`, where a fork that tried it first found no harm in that. False where it did."""
    new = [name for name in names if name not in learned.refused]
    if not _harmless(new):
        learned.refused += new
        return False
    with _witnessed(learned.reads):
        _import(new)
    learned.modules += [name for name in new if name not in learned.modules]
    return True


def _import(names: Sequence[str]) -> None:
    for name in names:
        if name not in sys.modules:
            with suppress(Exception, SystemExit):
                importlib.import_module(name)


def _harmless(names: Sequence[str]) -> bool:
    """Whether their import gives no warning, which runs would miss, and leaves no thread, which no fork has."""
    pid = os.fork()
    if pid == 0:
        harm = 1
        signal.alarm(TRIAL_TIMEOUT)
        try:
            with listening() as warned:
                _import(names)
            harm = int(bool(warned.at_start or warned.with_task) or threading.active_count() > 1)
        finally:
            os._exit(harm)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def contradicted(learned: Learned, env: Mapping[str, str], replaced: Collection[str]) -> bool:
    """Whether a module would have read another value in `env`. What holds a text of `replaced` is set right by fork."""
    for name, value in learned.reads.items():
        if env.get(name) != value and not any(text in (value or "") for text in replaced):
            learned.off = f"a module of these reads {name} while it is imported: {', '.join(learned.modules)}"
            return True
    return False


@contextmanager
def _witnessed(reads: dict[str, str | None]) -> Iterator[None]:
    kind: Any = type(os.environ)
    real = kind.__getitem__

    def told(self: Any, name: str) -> Any:
        reads.setdefault(name, self._data.get(self.encodekey(name), b"").decode() or None)
        return real(self, name)

    kind.__getitem__ = told
    try:
        yield
    finally:
        kind.__getitem__ = real


def read_notes(file: Path) -> Learned:
    """What earlier hosts of the same kind have learned."""
    try:
        kept = json.loads(file.read_text())
        return Learned(list(kept["modules"]), list(kept["refused"]), off=kept["off"])
    except (OSError, ValueError, KeyError):
        return Learned()


def write_notes(file: Path, learned: Learned) -> None:
    """Where learning is off, the next host begins with nothing learned."""
    partial = file.with_suffix(".new")
    modules = [] if learned.off else learned.modules
    partial.write_text(json.dumps({"modules": modules, "refused": learned.refused, "off": learned.off}))
    partial.replace(file)
