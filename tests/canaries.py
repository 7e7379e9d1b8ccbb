"""Canaries: unlabelled objects and objects of another session, which no test may remove.

The fixtures are for conftest.py. Canaries live as long as the test session (of one worker). They are counted after each
module, so that a failure names the module.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest
from docker.errors import APIError

from harness.engine import LABEL_ROLE, LABEL_SESSION, LABEL_STACK, connect
from harness.errors import EngineError
from harness.images.resolve import resolve_image
from harness.services.relay import SIDECAR_ROLE
from harness.settings import Settings

LABEL = "harness-tests.canary"
"""Its value is the time of creation, in seconds since the epoch."""
LIFETIME = 7200.0
"""Seconds after which a canary must be one of a killed test session."""


class Canaries:
    """Two containers, networks and volumes: one of each unlabelled, one of another session."""

    def __init__(self, client: docker.DockerClient, image: str) -> None:
        self.client = client
        ident = secrets.token_hex(6)
        own = {LABEL: str(int(time.time()))}
        others = {**own, LABEL_SESSION: ident, LABEL_STACK: f"{ident}-0", LABEL_ROLE: SIDECAR_ROLE}
        self.alive: set[str] = set()
        for name, labels in ((f"canary-{ident}", own), (f"canary-of-others-{ident}", others)):
            client.networks.create(name, labels=labels)
            client.volumes.create(name, labels=labels)
            client.containers.run(image, ["sleep", str(int(LIFETIME))], name=name, labels=labels, detach=True)
            self.alive |= {f"{kind} {name}" for kind in ("container", "network", "volume")}

    def list_lost(self) -> list[str]:
        """Return the canaries that disappeared since the last call, including stopped containers."""
        filters = {"label": LABEL}
        present = {f"container {item.name}" for item in self.client.containers.list(filters=filters)}
        present |= {f"network {item.name}" for item in self.client.networks.list(filters=filters)}
        present |= {f"volume {item.name}" for item in self.client.volumes.list(filters=filters)}
        lost = self.alive - present
        self.alive -= lost
        return sorted(lost)

    def remove(self) -> None:
        """Remove these canaries and those of killed test sessions."""
        names = {canary.partition(" ")[2] for canary in self.alive}
        engine, filters = self.client, {"label": LABEL}
        for container in engine.containers.list(all=True, filters=filters):
            if container.name in names or _is_expired(container.labels):
                with suppress(APIError):
                    container.remove(force=True, v=True)
        for network in engine.networks.list(filters=filters):
            if network.name in names or _is_expired(network.attrs["Labels"]):
                with suppress(APIError):
                    network.remove()
        for volume in engine.volumes.list(filters=filters):
            if volume.name in names or _is_expired(volume.attrs["Labels"]):
                with suppress(APIError):
                    volume.remove()


def _is_expired(labels: dict[str, str]) -> bool:
    return float(labels[LABEL]) < time.time() - LIFETIME


@pytest.fixture(scope="session")
def canaries(harness_settings: Settings) -> Iterator[Canaries | None]:
    """The canaries, or None if no engine answers."""
    try:
        client = connect()
    except EngineError:
        yield None
        return
    created = Canaries(client, resolve_image(client, harness_settings, "python").reference)
    yield created
    lost = created.list_lost()
    created.remove()
    assert not lost, f"objects of others were removed: {', '.join(lost)}"


@pytest.fixture(scope="module", autouse=True)
def canaries_survive(request: pytest.FixtureRequest, canaries: Canaries | None) -> Iterator[None]:
    """Fail in the module whose tests removed a canary."""
    yield
    lost = canaries.list_lost() if canaries else []
    assert not lost, f"a test of {request.node.name} removed objects of others: {', '.join(lost)}"
