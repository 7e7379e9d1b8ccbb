"""The reaper removes what matches its clients' filters and nothing else.

Ryuk and the stand-in have the same contract.
"""

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

from harness.images.resolve import ResolvedImage, resolve_image
from harness.settings import Settings
from tests.images.support import Run, host_port, wait_until

pytestmark = pytest.mark.engine

LABEL = "airflow-harness.image-test"
SOCKET = {"/var/run/docker.sock": {"bind": "/var/run/docker.sock", "mode": "rw"}}


@pytest.fixture(scope="module")
def images(engine: docker.DockerClient, project_settings: Settings) -> dict[str, ResolvedImage]:
    return {name: resolve_image(engine, project_settings, name) for name in ("reaper", "relay")}


@pytest.fixture
def mark(engine: docker.DockerClient) -> Iterator[str]:
    """Return a label value for this test; remove networks and volumes with it after the test.

    Tests request this fixture before `run`, because the containers must be removed first.
    """
    value = secrets.token_hex(6)
    yield value
    filters = {"label": f"{LABEL}={value}"}
    for network in engine.networks.list(filters=filters):
        network.remove()
    for volume in engine.volumes.list(filters=filters):
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

    wait_until(ack)
    for early in connections[:-1]:
        early.close()
    return connections[-1]


def is_gone(engine: docker.DockerClient, container: Container) -> bool:
    with suppress(NotFound):
        engine.containers.get(container.id)
        return False
    return True


def start_sleeper(run: Run, images: dict[str, ResolvedImage], labels: dict[str, str], **more: object) -> Container:
    return run(images["relay"].reference, ["60"], entrypoint=["sleep"], labels=labels, **more)


def test_matches_are_removed_after_the_last_client_left(
    engine: docker.DockerClient, mark: str, run: Run, images: dict[str, ResolvedImage]
) -> None:
    ours = {LABEL: mark}
    network = engine.networks.create(f"image-test-{mark}", labels=ours)
    volume = engine.volumes.create(f"image-test-{mark}", labels=ours)
    mounted = {volume.name: {"bind": "/data", "mode": "rw"}}
    running = start_sleeper(run, images, ours, network=network.name, volumes=mounted)
    exited = run(images["relay"].reference, ["-V"], labels=ours)
    stranger = start_sleeper(run, images, {})
    other_value = start_sleeper(run, images, {LABEL: f"not-{mark}"})
    reaper = start_reaper(run, images["reaper"].reference, RYUK_RECONNECTION_TIMEOUT="500ms")

    connection = register(reaper, f"{LABEL}={mark}")
    time.sleep(1.5)
    assert not is_gone(engine, running), "a client is connected"
    connection.close()

    wait_until(lambda: is_gone(engine, running) and is_gone(engine, exited))
    wait_until(lambda: not engine.networks.list(filters={"label": f"{LABEL}={mark}"}))
    wait_until(lambda: not engine.volumes.list(filters={"label": f"{LABEL}={mark}"}))
    assert reaper.wait(timeout=20)["StatusCode"] == 0
    for untouched in (stranger, other_value):
        untouched.reload()
        assert untouched.status == "running"


def test_a_filter_set_matches_only_all_its_labels(
    engine: docker.DockerClient, mark: str, run: Run, images: dict[str, ResolvedImage]
) -> None:
    both = start_sleeper(run, images, {LABEL: mark, f"{LABEL}.second": "x"})
    single = start_sleeper(run, images, {LABEL: mark})
    reaper = start_reaper(run, images["reaper"].reference, RYUK_RECONNECTION_TIMEOUT="100ms")
    register(reaper, f"{LABEL}={mark}", f"{LABEL}.second=x").close()
    assert reaper.wait(timeout=20)["StatusCode"] == 0
    assert is_gone(engine, both)
    assert not is_gone(engine, single)


def test_reaper_removes_itself_last(
    engine: docker.DockerClient, mark: str, run: Run, images: dict[str, ResolvedImage]
) -> None:
    """A reaper with the filter's label removes the other containers first."""
    reaper = run(
        images["reaper"].reference,
        ports=(8080,),
        volumes=SOCKET,
        environment={"RYUK_RECONNECTION_TIMEOUT": "100ms"},
        labels={LABEL: mark, "org.testcontainers.ryuk": "true"},
    )
    others = [start_sleeper(run, images, {LABEL: mark}) for _ in range(3)]
    register(reaper, f"{LABEL}={mark}").close()
    wait_until(lambda: all(is_gone(engine, container) for container in others))


def test_reaper_ends_if_no_client_connects(run: Run, images: dict[str, ResolvedImage]) -> None:
    reaper = start_reaper(run, images["reaper"].reference, RYUK_CONNECTION_TIMEOUT="300ms")
    assert reaper.wait(timeout=20)["StatusCode"] == 0
