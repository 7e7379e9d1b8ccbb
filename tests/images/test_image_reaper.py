"""The reaper removes what it was told to, and nothing else. Ryuk or the stand-in: the same contract."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlencode

import docker
import pytest
from docker.errors import NotFound
from docker.models.containers import Container

from harness.images.obtain import Obtained, obtain
from harness.settings import Settings
from tests.images.support import Run, host_port, until

pytestmark = pytest.mark.engine

LABEL = "airflow-harness.image-test"
SOCKET = {"/var/run/docker.sock": {"bind": "/var/run/docker.sock", "mode": "rw"}}


@pytest.fixture(scope="module")
def images(engine: docker.DockerClient, own_settings: Settings) -> dict[str, Obtained]:
    return {name: obtain(engine, own_settings, name) for name in ("reaper", "relay")}


@pytest.fixture
def mark(engine: docker.DockerClient) -> Iterator[str]:
    """A label value of this test alone; networks and volumes with it are gone afterwards in any case.

    Asked for before `run`, so that the containers on them go first.
    """
    value = secrets.token_hex(6)
    yield value
    wanted = {"label": f"{LABEL}={value}"}
    for network in engine.networks.list(filters=wanted):
        network.remove()
    for volume in engine.volumes.list(filters=wanted):
        volume.remove(force=True)


def start_reaper(run: Run, image: str, **environment: str) -> Container:
    return run(image, ports=(8080,), volumes=SOCKET, environment=environment)


def register(reaper: Container, *labels: str) -> socket.socket:
    connections = []

    def ack() -> bool:
        connection = socket.create_connection(("127.0.0.1", host_port(reaper, 8080)), timeout=5)
        connections.append(connection)
        connection.sendall(urlencode([("label", label) for label in labels]).encode() + b"\n")
        return connection.recv(16) == b"ACK\n"

    until(ack)
    for early in connections[:-1]:
        early.close()
    return connections[-1]


def gone(engine: docker.DockerClient, container: Container) -> bool:
    with suppress(NotFound):
        engine.containers.get(container.id)
        return False
    return True


def sleeper(run: Run, images: dict[str, Obtained], labels: dict[str, str], **more: object) -> Container:
    return run(images["relay"].reference, ["60"], entrypoint=["sleep"], labels=labels, **more)


def test_what_matches_goes_when_the_last_client_has_gone(
    engine: docker.DockerClient, mark: str, run: Run, images: dict[str, Obtained]
) -> None:
    ours = {LABEL: mark}
    network = engine.networks.create(f"image-test-{mark}", labels=ours)
    volume = engine.volumes.create(f"image-test-{mark}", labels=ours)
    mounted = {volume.name: {"bind": "/data", "mode": "rw"}}
    running = sleeper(run, images, ours, network=network.name, volumes=mounted)
    exited = run(images["relay"].reference, ["-V"], labels=ours)
    stranger = sleeper(run, images, {})
    other_value = sleeper(run, images, {LABEL: f"not-{mark}"})
    reaper = start_reaper(run, images["reaper"].reference, RYUK_RECONNECTION_TIMEOUT="500ms")

    connection = register(reaper, f"{LABEL}={mark}")
    time.sleep(1.5)
    assert not gone(engine, running), "a client is connected"
    connection.close()

    until(lambda: gone(engine, running) and gone(engine, exited))
    until(lambda: not engine.networks.list(filters={"label": f"{LABEL}={mark}"}))
    until(lambda: not engine.volumes.list(filters={"label": f"{LABEL}={mark}"}))
    assert reaper.wait(timeout=20)["StatusCode"] == 0
    for untouched in (stranger, other_value):
        untouched.reload()
        assert untouched.status == "running"


def test_all_labels_of_a_line_have_to_match(
    engine: docker.DockerClient, mark: str, run: Run, images: dict[str, Obtained]
) -> None:
    both = sleeper(run, images, {LABEL: mark, f"{LABEL}.second": "x"})
    one = sleeper(run, images, {LABEL: mark})
    reaper = start_reaper(run, images["reaper"].reference, RYUK_RECONNECTION_TIMEOUT="100ms")
    register(reaper, f"{LABEL}={mark}", f"{LABEL}.second=x").close()
    assert reaper.wait(timeout=20)["StatusCode"] == 0
    assert gone(engine, both)
    assert not gone(engine, one)


def test_it_sweeps_everything_before_itself(
    engine: docker.DockerClient, mark: str, run: Run, images: dict[str, Obtained]
) -> None:
    """A reaper that carries the label as well is the last to go, not the first."""
    reaper = run(
        images["reaper"].reference,
        ports=(8080,),
        volumes=SOCKET,
        environment={"RYUK_RECONNECTION_TIMEOUT": "100ms"},
        labels={LABEL: mark, "org.testcontainers.ryuk": "true"},
    )
    others = [sleeper(run, images, {LABEL: mark}) for _ in range(3)]
    register(reaper, f"{LABEL}={mark}").close()
    until(lambda: all(gone(engine, container) for container in others))


def test_nobody_comes(run: Run, images: dict[str, Obtained]) -> None:
    reaper = start_reaper(run, images["reaper"].reference, RYUK_CONNECTION_TIMEOUT="300ms")
    assert reaper.wait(timeout=20)["StatusCode"] == 0
