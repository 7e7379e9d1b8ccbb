"""What a kept service printed, and goes on to print."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from harness.engine import LABEL_SESSION, connect, engine_errors
from harness.errors import EngineError, ServiceError
from harness.services.containers import labelled, role_of, slot_of
from harness.services.embedded.processes import lives
from harness.services.embedded.stack import kept_folders
from harness.services.embedded.supervisor import LOCK
from harness.services.session import ServiceSession

EVERY = 0.2
"""Seconds between two looks at a file that may grow."""
Reader = Callable[[int, bool], Iterable[str]]
"""Reads the last so many lines of a log and, if it is to follow, those that come until the service ends."""


def kept_log(root: Path, name: str, lines: int, follow: bool = False, public: Set[str] = frozenset()) -> Iterator[str]:
    """Lines of the kept service `name`: the last ones, then with `follow` those to come, until the service ends.

    The passwords in the session's notes are masked, except the `public` ones. If several stacks are kept, the service
    is that of the first one. Raises ServiceError, EngineError.
    """
    session = ServiceSession(root, None)
    readers = _of_processes(session)
    if name not in readers:  # the engine is asked last: there may be none
        readers |= _of_containers(session)
    if name not in readers:
        there = ", ".join(sorted(readers)) or "nothing: start it with `harness up`"
        raise ServiceError(f"no service {name!r} is kept; there is {there}")
    secrets = {secret for file in session.folder.glob("*.json") for secret in _secrets(session.note(file.stem) or {})}
    for line in readers[name](lines, follow):
        for secret in secrets - public:
            line = line.replace(secret, "***")
        yield line


def _of_processes(session: ServiceSession) -> dict[str, Reader]:
    return {
        log.stem: partial(_from_file, log)
        for folder in reversed(kept_folders(session))
        for log in sorted(folder.glob("*.log"))
        if log.stem != Path(LOCK).stem
    }


def _of_containers(session: ServiceSession) -> dict[str, Reader]:
    # Who never had one needs no engine to hear that nothing is kept.
    with nullcontext() if any(session.folder.glob("stack-*.json")) else suppress(EngineError):
        found = labelled(connect(), {LABEL_SESSION: session.ident})
        found.sort(key=slot_of, reverse=True)
        return {role_of(container): partial(_from_container, container) for container in found}
    return {}


def _from_file(log: Path, lines: int, follow: bool) -> Iterator[str]:
    with log.open(errors="replace") as text:
        last = deque(text, maxlen=max(lines, 1))
        # A line that is not whole may end in half a password, which would not be masked.
        begun = last.pop() if follow and last and not last[-1].endswith("\n") else ""
        yield from (line.rstrip("\n") for line in last if lines)
        while follow:
            ended = log.with_suffix(".exit").exists() or not lives(log.parent)  # looked at before its last words are
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
