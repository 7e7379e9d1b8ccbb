"""What a kept service printed, and goes on to print."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from harness.engine import LABEL_FLEET, connect, engine_errors
from harness.errors import EngineError, ServiceError
from harness.services.containers import labelled, role_of
from harness.services.embedded.keeper import LOCK
from harness.services.embedded.processes import kept_stacks, lives
from harness.services.fleet import Fleet

EVERY = 0.2
"""Seconds between two looks at a file that may grow."""
Reader = Callable[[int, bool], Iterable[str]]
"""Reads the last so many lines of a log and, if it is to follow, those that come until the service ends."""


def kept_log(root: Path, name: str, lines: int, follow: bool = False) -> Iterator[str]:
    """Lines of the kept service `name`: the last ones, then with `follow` those to come, until the service ends.

    The passwords that the fleet's notes hold are masked. Raises ServiceError, EngineError.
    """
    fleet = Fleet(root, None)
    readers = _of_processes(fleet) or _of_containers(fleet)
    if name not in readers:
        there = ", ".join(sorted(readers)) or "nothing: start it with `harness up`"
        raise ServiceError(f"no service {name!r} is kept; there is {there}")
    secrets = {secret for file in fleet.folder.glob("*.json") for secret in _secrets(fleet.note(file.stem) or {})}
    for line in readers[name](lines, follow):
        for secret in secrets:
            line = line.replace(secret, "***")
        yield line


def _of_processes(fleet: Fleet) -> dict[str, Reader]:
    folders = [folder for folder, kept_for in kept_stacks() if kept_for == fleet.folder]
    return {
        log.stem: partial(_from_file, log)
        for folder in folders
        for log in sorted(folder.glob("*.log"))
        if log.stem != Path(LOCK).stem
    }


def _of_containers(fleet: Fleet) -> dict[str, Reader]:
    # Who never had one needs no engine to hear that nothing is kept.
    with nullcontext() if any(fleet.folder.glob("stack-*.json")) else suppress(EngineError):
        found = labelled(connect(), {LABEL_FLEET: fleet.ident})
        return {role_of(container): partial(_from_container, container) for container in found}
    return {}


def _from_file(log: Path, lines: int, follow: bool) -> Iterator[str]:
    with log.open(errors="replace") as text:
        yield from (line.rstrip("\n") for line in deque(text, maxlen=lines))
        partial_line = ""
        while follow:
            alive = lives(log.parent)  # before the last look, so that its last words are read
            for line in text:
                partial_line += line
                if line.endswith("\n"):
                    yield partial_line.rstrip("\n")
                    partial_line = ""
            if not alive:
                return
            time.sleep(EVERY)


def _from_container(container: Container, lines: int, follow: bool) -> Iterator[str]:
    pending = b""
    with engine_errors(f"reading what {role_of(container)} prints"):
        for piece in container.logs(stream=True, follow=follow, tail=lines):
            *whole, pending = (pending + piece).split(b"\n")
            yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
    if pending:
        yield pending.decode("utf-8", "replace")


def _secrets(note: Mapping[str, Any]) -> set[str]:
    """Every password in it, however deep."""
    found: set[str] = set()
    for key, value in note.items():
        if isinstance(value, Mapping):
            found |= set(value.values()) if key == "passwords" else _secrets(value)
        elif key in ("password", "superuser"):
            found.add(str(value))
    return found
