"""Canaries: things on the engine that are nobody's, or another session's. No test may remove one.

Fixtures for conftest.py: the canaries live as long as the test session (of one worker), and are counted after each
module, so that a loss names the module whose tests caused it.
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
"""Its value is the second at which the canary was made."""
FORGOTTEN = 7200.0
"""Seconds after which a canary is one of a killed test session."""


class Canaries:
    """Two containers, networks and volumes: one of each without a label of the harness, one of another session."""

    def __init__(self, client: docker.DockerClient, image: str) -> None:
        self.client = client
        ident = secrets.token_hex(6)
        own = {LABEL: str(int(time.time()))}
        others = {**own, LABEL_SESSION: ident, LABEL_STACK: f"{ident}-0", LABEL_ROLE: SIDECAR_ROLE}
        self.alive: set[str] = set()
        for name, labels in ((f"canary-{ident}", own), (f"canary-of-others-{ident}", others)):
            client.networks.create(name, labels=labels)
            client.volumes.create(name, labels=labels)
            client.containers.run(image, ["sleep", str(int(FORGOTTEN))], name=name, labels=labels, detach=True)
            self.alive |= {f"{kind} {name}" for kind in ("container", "network", "volume")}

    def lost(self) -> list[str]:
        """The canaries that have gone since the last call; a container that runs no more has gone."""
        filters = {"label": LABEL}
        there = {f"container {one.name}" for one in self.client.containers.list(filters=filters)}
        there |= {f"network {one.name}" for one in self.client.networks.list(filters=filters)}
        there |= {f"volume {one.name}" for one in self.client.volumes.list(filters=filters)}
        gone = self.alive - there
        self.alive -= gone
        return sorted(gone)

    def remove(self) -> None:
        """Removes these canaries, and those that killed sessions left."""
        names = {canary.partition(" ")[2] for canary in self.alive}
        engine, filters = self.client, {"label": LABEL}
        for container in engine.containers.list(all=True, filters=filters):
            if container.name in names or _forgotten(container.labels):
                with suppress(APIError):
                    container.remove(force=True, v=True)
        for network in engine.networks.list(filters=filters):
            if network.name in names or _forgotten(network.attrs["Labels"]):
                with suppress(APIError):
                    network.remove()
        for volume in engine.volumes.list(filters=filters):
            if volume.name in names or _forgotten(volume.attrs["Labels"]):
                with suppress(APIError):
                    volume.remove()


def _forgotten(labels: dict[str, str]) -> bool:
    return float(labels[LABEL]) < time.time() - FORGOTTEN


@pytest.fixture(scope="session")
def canaries(harness_settings: Settings) -> Iterator[Canaries | None]:
    """None where no engine answers, since nothing can be removed there."""
    try:
        client = connect()
    except EngineError:
        yield None
        return
    made = Canaries(client, resolve_image(client, harness_settings, "python").reference)
    yield made
    lost = made.lost()
    made.remove()
    assert not lost, f"something that was not the harness's was removed: {', '.join(lost)}"


@pytest.fixture(scope="module", autouse=True)
def canaries_survive(request: pytest.FixtureRequest, canaries: Canaries | None) -> Iterator[None]:
    """Names the module whose tests removed a canary."""
    yield
    lost = canaries.lost() if canaries else []
    assert not lost, f"a test of {request.node.name} removed what was not the harness's: {', '.join(lost)}"
