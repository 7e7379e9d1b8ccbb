"""Read and follow the output of the kept services."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from docker.models.containers import Container

from harness.engine import LABEL_SESSION, connect, engine_errors
from harness.errors import EngineError, ServiceError
from harness.services.containers import list_labelled, role_of, slot_of
from harness.services.embedded.processes import is_alive
from harness.services.embedded.stack import list_kept_folders
from harness.services.embedded.supervisor import LOCK
from harness.services.session import ServiceSession
from harness.shown_text import shown_text

EVERY = 0.2
"""Seconds between two reads of a growing file."""
Reader = Callable[[int, bool], Iterable[str]]
"""Takes a number of lines and whether to follow; reads the last lines, then new ones until the service ends."""


def read_logs(
    root: Path, name: str | None, lines: int, follow: bool = False, public: Set[str] = frozenset()
) -> Iterator[str]:
    """Yield the last lines of a kept service, and with `follow` new ones until it ends.

    Without `name`, yield the lines of all services, each after its service's name. The passwords in the session's
    state files are masked, except the `public` passwords. If several stacks are kept, the first one is read. Raises
    ServiceError, EngineError.
    """
    session = ServiceSession(root, None)
    readers = _find_processes(session)
    if name not in readers:  # There may be no engine, so processes come first.
        readers = _find_containers(session) | readers
    if name not in readers and (name or not readers):
        kept = f"choose from {', '.join(sorted(readers))}" if readers else "start it with `harness up`"
        raise ServiceError(f"no service{f' {name!r}' if name else ''} is kept: {kept}")
    states = (session.read_state(file.stem) or {} for file in session.folder.glob("*.json"))
    secrets = {password for state in states for password in _find_passwords(state)} - public
    for line in readers[name](lines, follow) if name else _merge(readers, lines, follow):
        yield shown_text(line, secrets)


def _merge(readers: Mapping[str, Reader], lines: int, follow: bool) -> Iterator[str]:
    """Yield the lines of one service after the other, or with `follow` as they arrive."""
    width = max(map(len, readers))
    if not follow:
        for name, read in sorted(readers.items()):
            yield from (f"{name:{width}} | {line}" for line in read(lines, False))
        return
    arrived: SimpleQueue[str | Exception | None] = SimpleQueue()

    def forward(name: str, read: Reader) -> None:
        try:
            for line in read(lines, True):
                arrived.put(f"{name:{width}} | {line}")
            arrived.put(None)
        except Exception as error:
            arrived.put(error)

    for name, read in readers.items():
        Thread(target=forward, args=(name, read), daemon=True).start()
    ended = 0
    while ended < len(readers):
        item = arrived.get()
        if isinstance(item, Exception):
            raise item
        if item is None:
            ended += 1
        else:
            yield item


def _find_processes(session: ServiceSession) -> dict[str, Reader]:
    return {
        log.stem: partial(_read_file, log)
        for folder in reversed(list_kept_folders(session))
        for log in sorted(folder.glob("*.log"))
        if log.stem != Path(LOCK).stem
    }


def _find_containers(session: ServiceSession) -> dict[str, Reader]:
    # If the session never had containers, a missing engine means that nothing is kept.
    with nullcontext() if any(session.folder.glob("stack-*.json")) else suppress(EngineError):
        found = list_labelled(connect(), {LABEL_SESSION: session.ident})
        found.sort(key=slot_of, reverse=True)
        return {role_of(container): partial(_read_container, container) for container in found}
    return {}


def _read_file(log: Path, lines: int, follow: bool) -> Iterator[str]:
    with log.open(errors="replace") as text:
        last = deque(text, maxlen=max(lines, 1))
        # An incomplete line may end in half a password, which would not be masked.
        begun = last.pop() if follow and last and not last[-1].endswith("\n") else ""
        yield from (line.rstrip("\n") for line in last if lines)
        while follow:
            ended = log.with_suffix(".exit").exists() or not is_alive(log.parent)  # before the last lines are read
            for line in text:
                begun += line
                if line.endswith("\n"):
                    yield begun.rstrip("\n")
                    begun = ""
            if ended:
                break
            time.sleep(EVERY)
        if begun:
            yield begun


def _read_container(container: Container, lines: int, follow: bool) -> Iterator[str]:
    pending = b""
    with engine_errors(f"reading what {role_of(container)} prints"):
        for piece in container.logs(stream=True, follow=follow, tail=lines):
            *whole, pending = (pending + piece).split(b"\n")
            yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
    if pending:
        yield pending.decode("utf-8", "replace")


def _find_passwords(state: Mapping[str, Any]) -> set[str]:
    """Return the passwords at any depth of a state file."""
    found: set[str] = set()
    for key, value in state.items():
        if isinstance(value, Mapping):
            found |= set(value.values()) if key == "passwords" else _find_passwords(value)
        elif key in ("password", "superuser"):
            found.add(str(value))
    return found
