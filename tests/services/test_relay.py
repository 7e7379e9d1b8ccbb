"""Sidecars are labelled, recorded and removed after a scenario; others are left alone."""

from __future__ import annotations

import io
import json
import socket
import tarfile
from collections.abc import Iterator

import docker
import pytest
from docker.errors import NotFound
from tenacity import retry, stop_after_delay, wait_fixed

from harness.engine import LABEL_ROLE, LABEL_SESSION, LABEL_STACK, connect
from harness.services import labelling_proxy
from harness.services.containers import list_labelled
from harness.services.sidecars import Sidecar
from harness.services.stack import Stack

pytestmark = pytest.mark.engine


@pytest.fixture
def through_relay(harness_stack: Stack) -> Iterator[docker.DockerClient]:
    harness_stack.relay.reset()
    client = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    yield client
    client.close()
    harness_stack.relay.remove_sidecars()


def python(stack: Stack) -> str:
    return stack.images["python"].reference


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True)
def await_exit(stack: Stack) -> Sidecar:
    (sidecar,) = stack.relay.list_containers().sidecars
    assert sidecar.exit_code is not None
    return sidecar


def test_a_sidecar_that_the_engine_removes_at_once_is_recorded(
    harness_stack: Stack, through_relay: docker.DockerClient
) -> None:
    script = "import sys; print('to stdout', flush=True); print('to stderr', file=sys.stderr); sys.exit(3)"
    started = through_relay.containers.run(
        python(harness_stack), ["python3", "-c", script], name="cruncher-test", detach=True, auto_remove=True
    )

    sidecar = await_exit(harness_stack)

    assert sidecar.id == started.id
    assert (sidecar.name, sidecar.image, sidecar.exit_code) == ("cruncher-test", python(harness_stack), 3)
    assert sorted(sidecar.output.splitlines()) == ["to stderr", "to stdout"]


def test_a_sidecar_with_a_terminal_is_recorded(harness_stack: Stack, through_relay: docker.DockerClient) -> None:
    through_relay.containers.run(python(harness_stack), ["python3", "-c", "print('tty')"], tty=True, detach=True)
    sidecar = await_exit(harness_stack)
    assert (sidecar.exit_code, sidecar.output.strip()) == (0, "tty")


def test_the_end_of_long_output_is_kept(harness_stack: Stack, through_relay: docker.DockerClient) -> None:
    script = "for n in range(100_000): print(f'line {n}')"
    # With run(remove=True), docker-py removes the container before it has read all output.
    container = through_relay.containers.run(python(harness_stack), ["python3", "-c", script], detach=True)
    container.wait()
    log = container.logs()
    (sidecar,) = harness_stack.relay.list_containers().sidecars
    assert log.count(b"\n") == 100_000, "the relay forwards everything"
    assert len(sidecar.output) == 64 * 1024
    assert sidecar.output.endswith("line 99999\n")


def test_objects_that_a_dag_creates_are_labelled(harness_stack: Stack, through_relay: docker.DockerClient) -> None:
    container = through_relay.containers.create(python(harness_stack), labels={"their": "own"})
    network = through_relay.networks.create("airflow-harness-test-network")
    volume = through_relay.volumes.create("airflow-harness-test-volume")
    engine = connect()
    try:
        labels = engine.containers.get(container.id).labels
        assert labels["their"] == "own"
        assert (labels[LABEL_STACK], labels[LABEL_ROLE]) == (harness_stack.stack_id, "sidecar")
        assert labels[LABEL_SESSION] == harness_stack.session_id
        assert engine.networks.get(network.id).attrs["Labels"][LABEL_STACK] == harness_stack.stack_id
        assert engine.volumes.get(volume.name).attrs["Labels"][LABEL_STACK] == harness_stack.stack_id
    finally:
        network.remove()
        volume.remove()


def test_running_and_unstarted_sidecars_are_removed_and_other_containers_are_not(
    harness_stack: Stack, through_relay: docker.DockerClient
) -> None:
    engine = connect()
    other = engine.containers.run(python(harness_stack), ["sleep", "600"], detach=True)
    try:
        running = through_relay.containers.run(python(harness_stack), ["sleep", "600"], detach=True)
        unstarted = through_relay.containers.create(python(harness_stack))
        assert [(s.id, s.exit_code) for s in harness_stack.relay.list_containers().sidecars] == [
            (running.id, None),
            (unstarted.id, None),
        ]

        harness_stack.relay.remove_sidecars()

        for removed in (running, unstarted):
            with pytest.raises(NotFound):
                engine.containers.get(removed.id)
        assert engine.containers.get(other.id).status == "running"
    finally:
        other.remove(force=True)


def test_the_chapters_names_resolve_for_sidecars(harness_stack: Stack, through_relay: docker.DockerClient) -> None:
    script = """
import urllib.request, socket
print(urllib.request.urlopen('http://locals3:9000/minio/health/live').status)
print(urllib.request.urlopen('http://socat:2375/_ping').status)
socket.create_connection(('insideairbnb', 5432)).close()
"""
    output = through_relay.containers.run(
        python(harness_stack), ["python3", "-c", script], network=harness_stack.network, remove=True
    )
    assert output.split() == [b"200", b"200"]


def test_a_refusal_of_the_engine_is_forwarded(harness_stack: Stack, through_relay: docker.DockerClient) -> None:
    with pytest.raises(docker.errors.APIError, match=r"no-such-image|No such image"):
        through_relay.api.create_container("no-such-image:1")
    assert harness_stack.relay.list_containers().sidecars == ()


def test_a_sidecar_that_was_never_started_is_not_waited_for(
    harness_stack: Stack, through_relay: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    through_relay.containers.create(python(harness_stack), name="never-started").remove()
    monkeypatch.setattr("harness.services.relay.RECORD_TIMEOUT", 0.0)
    (sidecar,) = harness_stack.relay.list_containers().sidecars
    assert (sidecar.name, sidecar.exit_code, sidecar.output) == ("never-started", None, "")


def test_a_sidecar_with_an_exit_code_is_awaited_although_the_engine_lists_it_as_running(
    harness_stack: Stack, through_relay: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = through_relay.containers.run(python(harness_stack), ["sleep", "600"], detach=True)
    record = labelling_proxy.new_record(str(running.id), "", "", tty=False) | {"started": True}
    records = [record | {"exit_code": 3}, record | {"exit_code": 3, "output": "late\n", "ended": True}]
    with monkeypatch.context() as patched:
        patched.setattr(harness_stack.relay, "_call", lambda *_: {"records": [records.pop(0)]})
        (sidecar,) = harness_stack.relay.list_containers().sidecars
    assert (sidecar.exit_code, sidecar.output) == (3, "late\n")


def test_smuggled_requests_create_nothing_without_labels(
    harness_stack: Stack, through_relay: docker.DockerClient
) -> None:
    """Requests follow an `Upgrade` header that the engine ignores, or have a chunked body."""
    address = harness_stack.relay.docker_host.removeprefix("tcp://").split(":")
    request = json.dumps({"Image": python(harness_stack)}).encode()
    create = b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with_length = create + b"Content-Length: %d\r\n\r\n" % len(request) + request
    chunked = create + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(request) + request + b"\r\n0\r\n\r\n"
    upgrade = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
    answers = []
    for first in (
        b"GET /_ping HTTP/1.1\r\n" + upgrade + with_length,
        b"POST /containers/no-such-one/attach HTTP/1.1\r\n" + upgrade + with_length,
        chunked,
    ):
        with socket.create_connection((address[0], int(address[1])), timeout=20) as raw:
            raw.sendall(first)
            answers.append(b"".join(iter(lambda raw=raw: raw.recv(65536), b"")))

    # The engine may answer the first request, or close the connection because a second request follows.
    assert not any(b"201 Created" in answer for answer in answers[:2])
    created = json.loads(answers[2].split(b"\r\n\r\n")[1])["Id"]
    assert created in {container.id for container in list_labelled(connect(), {LABEL_STACK: harness_stack.stack_id})}


def test_streams_and_hijacked_connections_work(harness_stack: Stack, through_relay: docker.DockerClient) -> None:
    running = through_relay.containers.run(python(harness_stack), ["sleep", "600"], detach=True)
    assert running.exec_run(["echo", "hello"]).output == b"hello\n"
    running.put_archive("/tmp", _tar("note", b"text"))
    assert running.exec_run(["cat", "/tmp/note"]).output == b"text"


def test_output_after_the_end_of_the_input_arrives(harness_stack: Stack, through_relay: docker.DockerClient) -> None:
    """As `echo x | docker run -i` does, the client closes its half of the connection first."""
    script = "import sys, time; print(sys.stdin.read(), flush=True); time.sleep(1); print('done')"
    container = through_relay.containers.create(python(harness_stack), ["python3", "-c", script], stdin_open=True)
    attached = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    raw = attached._sock
    raw.sendall(b"x")
    raw.shutdown(socket.SHUT_WR)
    raw.settimeout(20)
    output = b"".join(iter(lambda: raw.recv(65536), b""))
    attached.close()
    assert b"x" in output
    assert b"done" in output


def _tar(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()
