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
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from harness.airflow.warm.fork import end_descendants
from harness.airflow.warm.warned import listening
from harness.airflow.warm.witness import side_effects, witnessed_reads

INSTALLED = tuple(
    os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("purelib", "platlib", "stdlib", "platstdlib")
)

TRIAL_TIMEOUT = 60
ALONE_SECONDS = 10.0
SEEDED = ("numpy.random",)
"""It draws its seed when it is imported; whoever sets another one is found out, once it is there."""


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


def imported_since(last: str) -> list[str]:
    """Installed modules that this process has imported since `last` was the newest, in the order of their import."""
    # From the end, since in a fork the first look at each of some thousand names costs a page.
    new = list(takewhile(lambda name: name != last, reversed(sys.modules)))
    return [name for name in reversed(new) if _installed(getattr(sys.modules[name], "__file__", None))]


def _installed(file: str | None) -> bool:
    return file is not None and os.path.realpath(file).startswith(INSTALLED)


def learn(names: Sequence[str], learned: Learned) -> bool:
    """Imports those of `names` in which a fork that tried it first found no harm. False where there are none.

    Where there is harm in all together, each package is tried alone, as long as there is time.
    """
    new = [name for name in names if name not in learned.refused]
    deadline = time.monotonic() + ALONE_SECONDS  # runs wait meanwhile
    groups = [new]
    if not _harmless(new):
        groups = [group for group in _by_package(new) if time.monotonic() < deadline and _harmless(group)]
    good = [name for group in groups for name in group]
    learned.refused += [name for name in new if name not in good]
    with witnessed_reads(learned.reads):
        _import(good)
    learned.modules += [name for name in good if name not in learned.modules]
    return bool(good)


def _by_package(names: Sequence[str]) -> list[list[str]]:
    packages: dict[str, list[str]] = {}
    for name in names:
        packages.setdefault(name.partition(".")[0], []).append(name)
    return list(packages.values())


def _import(names: Sequence[str]) -> None:
    for name in names:
        if name not in sys.modules:
            with suppress(Exception, SystemExit):
                importlib.import_module(name)


def _harmless(names: Sequence[str]) -> bool:
    """Whether all that comes of their import is modules: else runs that don't import them would find the rest.

    Nor may it give warnings, which runs would miss, or leave a thread, which no fork has.
    """
    pid = os.fork()
    if pid == 0:
        harm = 1
        signal.alarm(TRIAL_TIMEOUT)
        try:
            _import([name for name in SEEDED if name in names])
            with side_effects() as effects, listening() as warned:
                _import(names)
            effects += ["a warning"] * bool(warned.at_start or warned.with_task)
            if effects:
                print(f"not kept, for their {', '.join(effects[:9])}: {', '.join(names)}", flush=True)
            harm = int(bool(effects))
        finally:
            end_descendants()
            os._exit(harm)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def contradicted(learned: Learned, env: Mapping[str, str], replaced: Collection[str]) -> bool:
    """Whether a module would have read another value in `env`. What holds a text of `replaced` is set right by fork."""
    for name, value in learned.reads.items():
        if env.get(name) != value and not any(text in (value or "") for text in replaced):
            learned.off = f"a module of these reads {name} while it is imported: {', '.join(learned.modules)}"
            return True
    return False


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
