"""The reaper: removes the objects of a test run whose processes were killed.

It speaks Ryuk's protocol (github.com/testcontainers/moby-ryuk) over TCP: the client sends one line of url-encoded
engine filters, and the reaper answers `ACK`. It removes all matching objects some seconds after the last connection
ends. It is published on loopback only, because it controls the engine.
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
from harness.services.containers import LOOPBACK, Spec, await_ready, create, published_port, remove, start
from harness.services.relay import ENGINE_SOCKET, engine_socket

PORT = 8080
GRACE = "3s"
"""Time from the end of the last connection to the removal."""
UNUSED = "20s"
"""Time that a reaper waits for its first connection before it exits."""


class Reaper:
    """One process's connection to the session's reaper."""

    def __init__(self, container_id: str, port: int, connection: socket.socket) -> None:
        self._container_id, self._port, self._connection = container_id, port, connection

    @classmethod
    def start(cls, client: docker.DockerClient, image: str, session_id: str, timeout: float) -> Self:
        """Start a reaper and connect to it. Raises ServiceError, EngineError."""
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
            # Without the session's label, so that it does not remove itself first.
            {LABEL_SESSION: reaper_session(session_id)},
        )
        connections: list[socket.socket] = []
        try:
            start(container)
            port = published_port(container, PORT)
            await_ready(container, lambda: connections.append(_open_connection(port, session_id)), timeout)
        except BaseException:
            remove(container)
            raise
        return cls(str(container.id), port, connections[-1])

    @classmethod
    def join(cls, state: Mapping[str, Any], session_id: str) -> Self | None:
        """Connect to the reaper of another process. Returns None if it does not answer."""
        try:
            return cls(state["container"], state["port"], _open_connection(state["port"], session_id))
        except (OSError, ServiceError):
            return None

    def export_state(self) -> dict[str, Any]:
        """Return what join() needs."""
        return {"container": self._container_id, "port": self._port}

    def dismiss(self) -> None:
        """Remove the reaper, if nothing is left to remove."""
        self.abandon()
        with engine_errors("removing the reaper"), suppress(NotFound):
            remove(connect().containers.get(self._container_id))

    def abandon(self) -> None:
        """Disconnect. The reaper then removes the session's objects and exits."""
        self._connection.close()


def reaper_session(session_id: str) -> str:
    """Return the session label of the reaper of a session."""
    return f"{session_id}-reaper"


def _open_connection(port: int, session_id: str) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=5)
    try:
        connection.sendall(urlencode({"label": f"{LABEL_SESSION}={session_id}"}).encode() + b"\n")
        answer = connection.recv(16)
        if not answer:
            # The engine's port forwarder accepts connections before the program behind it listens.
            raise ConnectionError("the reaper is not listening yet")
        if not answer.startswith(b"ACK"):
            raise ServiceError("the reaper does not speak Ryuk's protocol: is it the right image?")
    except BaseException:
        connection.close()
        raise
    connection.settimeout(None)
    return connection
