"""The reaper: removes the objects of a test run whose processes were killed.

It speaks Ryuk's protocol (github.com/testcontainers/moby-ryuk) over TCP: the client sends one line of url-encoded
engine filters, and the reaper answers `ACK`. It removes all matching objects some seconds after the last connection
ends. It is published on loopback only and has a network of its own, because it obeys every client that reaches it.
Its network can't go before its container, so Ryuk leaves an empty one behind; the next reaper's start removes it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlencode

import docker
from docker.errors import APIError, NotFound

from harness.engine import LABEL_ROLE, LABEL_SESSION, connect, engine_errors
from harness.errors import ServiceError
from harness.services.cleanup import remove_labelled
from harness.services.containers import LOOPBACK, Spec, await_ready, create, list_labelled, published_port, start
from harness.services.relay import ENGINE_SOCKET, engine_socket

ROLE = "reaper"
PORT = 8080
GRACE = "3s"
"""Time from the end of the last connection to the removal."""
UNUSED = "20s"
"""Time that a reaper waits for its first connection before it exits."""


class Reaper:
    """One process's connection to the session's reaper."""

    def __init__(self, session_id: str, port: int, connection: socket.socket) -> None:
        self._session_id, self._port, self._connection = session_id, port, connection

    @classmethod
    def start(cls, client: docker.DockerClient, image: str, session_id: str, timeout: float) -> Self:
        """Start a reaper and connect to it. Raises ServiceError, EngineError."""
        remove_unused_networks(client)
        # Without the session's label, so that it does not remove itself first.
        labels, network = {LABEL_SESSION: reaper_session(session_id)}, f"scenarios-{reaper_session(session_id)}"
        # The container comes before its network, which shows other processes that the network is in use.
        container = create(
            client,
            Spec(
                role=ROLE,
                image=image,
                ports=(PORT,),
                env={"RYUK_RECONNECTION_TIMEOUT": GRACE, "RYUK_CONNECTION_TIMEOUT": UNUSED},
                volumes=((engine_socket(), ENGINE_SOCKET, "rw"),),
                auto_remove=True,
            ),
            labels,
            network,
        )
        connections: list[socket.socket] = []
        try:
            with engine_errors("creating the reaper's network"):
                client.networks.create(network, labels={**labels, LABEL_ROLE: ROLE})
            start(container)
            port = published_port(container, PORT)
            await_ready(container, lambda: connections.append(_open_connection(port, session_id)), timeout)
        except BaseException:
            remove_labelled(client, labels)
            raise
        return cls(session_id, port, connections[-1])

    @classmethod
    def join(cls, state: Mapping[str, Any], session_id: str) -> Self | None:
        """Connect to the reaper of another process. Returns None if it does not answer."""
        try:
            return cls(session_id, state["port"], _open_connection(state["port"], session_id))
        except (OSError, ServiceError):
            return None

    def export_state(self) -> dict[str, Any]:
        """Return what join() needs."""
        return {"port": self._port}

    def dismiss(self) -> None:
        """Remove the reaper and its network, if nothing is left to remove."""
        self.abandon()
        remove_labelled(connect(), {LABEL_SESSION: reaper_session(self._session_id)})

    def abandon(self) -> None:
        """Disconnect. The reaper then removes the session's objects and exits."""
        self._connection.close()


def reaper_session(session_id: str) -> str:
    """Return the session label of the reaper of a session."""
    return f"{session_id}-reaper"


def remove_unused_networks(client: docker.DockerClient) -> None:
    """Remove the networks of reapers that no longer exist. Raises EngineError."""
    with engine_errors("removing the networks of earlier reapers"):
        for network in client.networks.list(filters={"label": f"{LABEL_ROLE}={ROLE}"}):
            if not list_labelled(client, {LABEL_SESSION: network.attrs["Labels"].get(LABEL_SESSION, "")}):
                with suppress(NotFound, APIError):  # Another process removes it.
                    network.remove()


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
