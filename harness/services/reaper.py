"""The reaper: removes what a test run left when its processes can't, because they were killed.

Ryuk's protocol (github.com/testcontainers/moby-ryuk): over TCP, one line of url-encoded engine filters, answered by
`ACK`. While one connection lives nothing happens; some seconds after the last has ended, all that matches is removed.
The engine's socket stands behind it, so it is published on loopback alone.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlencode

import docker
from docker.errors import NotFound

from harness.engine import LABEL_SESSION, connect, engine_errors
from harness.errors import ServiceError
from harness.services.containers import LOOPBACK, Spec, await_ready, create, published, remove, start
from harness.services.relay import ENGINE_SOCKET, engine_socket

PORT = 8080
GRACE = "3s"
"""How long after the last process is gone the sweep starts."""
UNUSED = "20s"
"""How long a reaper waits for its first process before it ends."""


class Reaper:
    """One process's connection to the session's reaper."""

    def __init__(self, container_id: str, port: int, connection: socket.socket) -> None:
        self._container_id, self._port, self._connection = container_id, port, connection

    @classmethod
    def start(cls, client: docker.DockerClient, image: str, session_id: str, timeout: float) -> Self:
        """Raises ServiceError, EngineError."""
        container = create(
            client,
            Spec(
                role="reaper",
                image=image,
                ports=(PORT,),
                env={"RYUK_RECONNECTION_TIMEOUT": GRACE, "RYUK_CONNECTION_TIMEOUT": UNUSED},
                volumes=((engine_socket(), ENGINE_SOCKET, "rw"),),
                auto_remove=True,
            ),
            # Not under the session's own label: it must not sweep itself away before the rest.
            {LABEL_SESSION: reaper_session(session_id)},
        )
        made: list[socket.socket] = []
        try:
            start(container)
            port = published(container, PORT)
            await_ready(container, lambda: made.append(_connection(port, session_id)), timeout)
        except BaseException:
            remove(container)
            raise
        return cls(str(container.id), port, made[-1])

    @classmethod
    def join(cls, note: Mapping[str, Any], session_id: str) -> Self | None:
        """The one that another process of the session started; None where nobody answers any more."""
        try:
            return cls(note["container"], note["port"], _connection(note["port"], session_id))
        except (OSError, ServiceError):
            return None

    def note(self) -> dict[str, Any]:
        """What join() needs."""
        return {"container": self._container_id, "port": self._port}

    def dismiss(self) -> None:
        """The orderly end: nothing is left to sweep."""
        self.abandon()
        with engine_errors("removing the reaper"), suppress(NotFound):
            remove(connect().containers.get(self._container_id))

    def abandon(self) -> None:
        """Leaves the rest to it: it sweeps as if this process had been killed, and then ends by itself."""
        self._connection.close()


def reaper_session(session_id: str) -> str:
    """The session that the reaper of a session is labelled with."""
    return f"{session_id}-reaper"


def _connection(port: int, session_id: str) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=5)
    try:
        connection.sendall(urlencode({"label": f"{LABEL_SESSION}={session_id}"}).encode() + b"\n")
        answer = connection.recv(16)
        if not answer:
            # The engine's port forwarder takes connections before the program behind it listens.
            raise ConnectionError("the reaper does not listen yet")
        if not answer.startswith(b"ACK"):
            raise ServiceError("the reaper does not speak Ryuk's protocol: is it the right image?")
    except BaseException:
        connection.close()
        raise
    connection.settimeout(None)
    return connection
