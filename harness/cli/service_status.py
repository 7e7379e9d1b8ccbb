"""List the kept services of a checkout without opening its session, and without secrets."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from harness.engine import LABEL_EXTRA, LABEL_SESSION, connect
from harness.errors import EngineError
from harness.services.containers import LOOPBACK, list_labelled, role_of, slot_of
from harness.services.embedded.processes import is_alive
from harness.services.embedded.stack import STATE
from harness.services.relay import SIDECAR_ROLE
from harness.services.session import ServiceSession

SCHEMES = {"postgres": "postgresql", "relay": "tcp"}


@dataclass(frozen=True)
class KeptService:
    """A service of a kept stack; `answers`: it runs and accepts connections to its port."""

    slot: int
    kind: str
    name: str
    answers: bool
    port: int | None

    @property
    def url(self) -> str:
        """The service's URL on this machine; empty if it has no port."""
        return f"{SCHEMES.get(self.name, 'http')}://{LOOPBACK}:{self.port}" if self.port else ""


def list_kept_services(root: Path) -> list[KeptService]:
    """Return the services of kept stacks; the shared Postgres server is in slot 0."""
    session = ServiceSession(root, None)
    return [*_list_embedded(session), *_list_containers(session)]


def _list_embedded(session: ServiceSession) -> list[KeptService]:
    found = []
    for file in sorted(session.folder.glob(f"{STATE}*.json")):
        note = session.read_state(file.stem) or {}
        alive = "folder" in note and is_alive(Path(note["folder"]))
        for name, kept in note.get("services", {}).items():
            if port := kept.get("port"):
                slot = int(file.stem.removeprefix(STATE))
                found.append(KeptService(slot, "embedded", name, alive and _accepts_connections(port), port))
    return found


def _list_containers(session: ServiceSession) -> list[KeptService]:
    try:
        containers = list_labelled(connect(), {LABEL_SESSION: session.ident})
    except EngineError:
        if any(session.folder.glob("stack-*.json")):
            raise
        return []
    found = []
    for container in containers:
        if container.attrs["Labels"].get(LABEL_EXTRA) or role_of(container) == SIDECAR_ROLE:
            continue  # left behind by a killed scenario
        bound = [one.get("PublicPort") for one in container.attrs.get("Ports", [])]
        port = next(filter(None, bound), None)
        answers = container.status == "running" and (port is None or _accepts_connections(port))
        found.append(KeptService(slot_of(container), "containers", role_of(container), answers, port))
    return sorted(found, key=lambda one: (one.slot, one.name))


def _accepts_connections(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
