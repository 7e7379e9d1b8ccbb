"""What is kept for a checkout, looked at from outside: without taking it over, and without a secret."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from harness.engine import LABEL_EXTRA, LABEL_SESSION, connect
from harness.errors import EngineError
from harness.services.containers import LOOPBACK, labelled, role_of, slot_of
from harness.services.embedded.processes import lives
from harness.services.embedded.stack import NOTE
from harness.services.relay import SIDECAR_ROLE
from harness.services.session import ServiceSession

SCHEMES = {"postgres": "postgresql", "relay": "tcp"}


@dataclass(frozen=True)
class KeptService:
    """`name` in a slot; `answers`: whether it runs and, where it has a port, takes a connection there."""

    slot: int
    kind: str
    name: str
    answers: bool
    port: int | None

    @property
    def url(self) -> str:
        """Where it answers; empty where it has no port."""
        return f"{SCHEMES.get(self.name, 'http')}://{LOOPBACK}:{self.port}" if self.port else ""


def kept_services(root: Path) -> list[KeptService]:
    """Of every kept stack of the checkout, and the server that they share (in slot 0)."""
    session = ServiceSession(root, None)
    return [*_embedded(session), *_contained(session)]


def _embedded(session: ServiceSession) -> list[KeptService]:
    found = []
    for file in sorted(session.folder.glob(f"{NOTE}*.json")):
        note = session.note(file.stem) or {}
        alive = "folder" in note and lives(Path(note["folder"]))
        for name, kept in note.get("services", {}).items():
            if port := kept.get("port"):
                slot = int(file.stem.removeprefix(NOTE))
                found.append(KeptService(slot, "embedded", name, alive and _takes(port), port))
    return found


def _contained(session: ServiceSession) -> list[KeptService]:
    try:
        containers = labelled(connect(), {LABEL_SESSION: session.ident})
    except EngineError:
        if any(session.folder.glob("stack-*.json")):
            raise
        return []
    found = []
    for container in containers:
        if container.attrs["Labels"].get(LABEL_EXTRA) or role_of(container) == SIDECAR_ROLE:
            continue  # left by a scenario that was killed
        bound = [one.get("PublicPort") for one in container.attrs.get("Ports", [])]
        port = next(filter(None, bound), None)
        answers = container.status == "running" and (port is None or _takes(port))
        found.append(KeptService(slot_of(container), "containers", role_of(container), answers, port))
    return sorted(found, key=lambda one: (one.slot, one.name))


def _takes(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
