"""The reaper: removes what the stack left when this process can't, because it was killed.

Ryuk's protocol (github.com/testcontainers/moby-ryuk): over TCP, one line of url-encoded engine filters, answered by
`ACK`. While the connection lives nothing happens; some seconds after it ends, all that matches is removed. The
engine's socket stands behind it, so it is published on loopback alone.
"""

from __future__ import annotations

import socket
from urllib.parse import urlencode

from docker.models.containers import Container

from harness.engine import LABEL_STACK
from harness.errors import ServiceError
from harness.services.containers import LOOPBACK, Spec, await_ready, published, remove, start
from harness.services.relay import ENGINE_SOCKET, engine_socket

PORT = 8080
GRACE = "3s"
"""How long after this process is gone the sweep starts."""


class Reaper:
    """Started before anything else of a stack; ends by dismiss() or abandon()."""

    def __init__(self, image: str, stack_id: str, timeout: float) -> None:
        self._container: Container = start(
            Spec(
                role="reaper",
                image=image,
                ports=(PORT,),
                env={"RYUK_RECONNECTION_TIMEOUT": GRACE, "RYUK_CONNECTION_TIMEOUT": "60s"},
                volumes=((engine_socket(), ENGINE_SOCKET, "rw"),),
                auto_remove=True,
            ),
            # Not under the stack's own label: it must not sweep itself away before the rest.
            f"{stack_id}-reaper",
            None,
        )
        self._line = urlencode({"label": f"{LABEL_STACK}={stack_id}"}).encode() + b"\n"
        self._connection: socket.socket | None = None
        try:
            await_ready(self._container, self._connect, timeout)
        except BaseException:
            remove(self._container)
            raise

    def dismiss(self) -> None:
        """The orderly end: nothing is left to sweep."""
        self.abandon()
        remove(self._container)

    def abandon(self) -> None:
        """Leaves the rest to it: it sweeps as if this process had been killed, and then ends by itself."""
        if self._connection:
            self._connection.close()

    def _connect(self) -> None:
        connection = socket.create_connection((LOOPBACK, published(self._container, PORT)), timeout=5)
        connection.sendall(self._line)
        answer = connection.recv(16)
        if not answer.startswith(b"ACK"):
            connection.close()
            if not answer:
                # The engine's port forwarder takes connections before the program behind it listens.
                raise ConnectionError("the reaper does not listen yet")
            raise ServiceError("the reaper does not speak Ryuk's protocol: is it the right image?")
        connection.settimeout(None)
        self._connection = connection
