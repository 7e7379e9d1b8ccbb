"""Containers beside the stack: network, timeout, files and removal."""

from __future__ import annotations

import time

import docker
import pytest

from harness.engine import LABEL_ROLE, LABEL_STACK, connect
from harness.errors import ServiceError
from harness.services.cleanup import remove_labelled
from harness.services.containers import Spec, list_labelled, role_of
from harness.services.extra import RunningContainer, extra_labels, run_container, running_container
from harness.services.local_http import LOCAL
from harness.services.stack import Stack

pytestmark = pytest.mark.engine

SERVER = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8000)"


@pytest.fixture(scope="module")
def engine() -> docker.DockerClient:
    return connect()


def spec(stack: Stack, *command: str, **more: object) -> Spec:
    return Spec(role="extra-test", image=stack.images["python"].reference, command=command, **more)  # type: ignore[arg-type]


def list_left(engine: docker.DockerClient, stack: Stack) -> list[str]:
    labels = {**extra_labels(stack), LABEL_ROLE: "extra-test"}
    return [str(container.name) for container in list_labelled(engine, labels)]


def test_a_container_that_exits_has_output_and_exit_code(harness_stack: Stack, engine: docker.DockerClient) -> None:
    script = "import os, sys; print(os.environ['WORD']); print('to stderr', file=sys.stderr); sys.exit(3)"

    result = run_container(
        harness_stack, spec(harness_stack, "python3", "-c", script, env={"WORD": "a word"}), timeout=20
    )

    assert result.exit_code == 3
    assert sorted(result.output.splitlines()) == ["a word", "to stderr"]
    assert list_left(engine, harness_stack) == []


def test_a_container_is_stopped_after_its_timeout_and_has_output(
    harness_stack: Stack, engine: docker.DockerClient
) -> None:
    began = time.monotonic()

    result = run_container(
        harness_stack, spec(harness_stack, "sh", "-c", "while :; do echo not yet; sleep 0.2; done"), timeout=1.5
    )

    assert result.exit_code is None
    assert result.output.splitlines().count("not yet") > 1
    assert 1.5 <= result.seconds <= time.monotonic() - began < 15
    assert list_left(engine, harness_stack) == []


def test_a_container_reaches_the_services_by_name(harness_stack: Stack) -> None:
    script = f"import urllib.request as u; print(u.urlopen('http://{harness_stack.minio.endpoint.internal}/minio/health/live').status)"

    assert run_container(harness_stack, spec(harness_stack, "python3", "-c", script), timeout=20).output == "200"


def test_an_offline_container_has_only_a_loopback_interface(harness_stack: Stack) -> None:
    listing = run_container(harness_stack, spec(harness_stack, "ls", "/sys/class/net", offline=True), timeout=20)

    assert (listing.exit_code, listing.output.split()) == (0, ["lo"])


def test_files_are_copied_before_the_start(harness_stack: Stack) -> None:
    files = {"/made/on/the/way/data": b"\x00\xff", "/usr/local/bin/tool": b"#!/bin/sh\necho it runs\n"}

    result = run_container(
        harness_stack,
        spec(harness_stack, "sh", "-c", "tool; stat -c '%U %a %s' /made/on/the/way/data"),
        timeout=20,
        files=files,
    )

    assert result.output.splitlines() == ["it runs", "root 644 2"]


def test_a_server_is_yielded_once_it_answers(harness_stack: Stack, engine: docker.DockerClient) -> None:
    def probe(server: RunningContainer) -> None:
        LOCAL.get(server.url(8000), timeout=1).raise_for_status()

    server_spec = spec(harness_stack, "python3", "-c", SERVER, ports=(8000,), aliases=("beside-test",))
    with running_container(harness_stack, server_spec, probe=probe, timeout=20) as server:
        assert "Directory listing" in LOCAL.get(server.url(8000), timeout=5).text
        (binding,) = server.container.ports["8000/tcp"]
        assert binding["HostIp"] == "127.0.0.1"
        assert server.container.labels[LABEL_STACK] == harness_stack.stack_id
        script = "import urllib.request as u; print(u.urlopen('http://beside-test:8000/').status)"
        assert run_container(harness_stack, spec(harness_stack, "python3", "-c", script), timeout=20).output == "200"

    assert list_left(engine, harness_stack) == []


def test_a_server_is_removed_if_the_scenario_fails(harness_stack: Stack, engine: docker.DockerClient) -> None:
    def scenario() -> None:
        with running_container(harness_stack, spec(harness_stack, "sleep", "60"), probe=lambda _: None, timeout=20):
            assert len(list_left(engine, harness_stack)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scenario()

    assert list_left(engine, harness_stack) == []


def test_the_error_of_a_server_that_exits_has_its_last_lines(harness_stack: Stack, engine: docker.DockerClient) -> None:
    def never(_: RunningContainer) -> None:
        raise AssertionError("it does not answer")

    exiting = spec(harness_stack, "sh", "-c", "echo cannot go on; exit 4")
    with (
        pytest.raises(ServiceError, match="cannot go on"),
        running_container(harness_stack, exiting, probe=never, timeout=20),
    ):
        pytest.fail("the server was yielded")

    assert list_left(engine, harness_stack) == []


def test_a_server_that_never_answers_is_an_error(harness_stack: Stack, engine: docker.DockerClient) -> None:
    def never(_: RunningContainer) -> None:
        raise ValueError("it does not answer")

    with (
        pytest.raises(ServiceError, match=r"extra-test was not ready within 1 s .*it does not answer"),
        running_container(harness_stack, spec(harness_stack, "sleep", "60"), probe=never, timeout=1),
    ):
        pytest.fail("the server was yielded")

    assert list_left(engine, harness_stack) == []


def test_a_missing_image_is_an_error_of_one_line(harness_stack: Stack) -> None:
    with pytest.raises(ServiceError, match="extra-test can't be created from image harness-test/nosuch:1") as refused:
        run_container(harness_stack, Spec(role="extra-test", image="harness-test/nosuch:1"), timeout=5)
    assert "\n" not in str(refused.value)


def test_containers_of_a_killed_process_are_removed_and_no_others(
    harness_stack: Stack, engine: docker.DockerClient
) -> None:
    """Attaching to a kept stack does the same."""
    with running_container(harness_stack, spec(harness_stack, "sleep", "60"), probe=lambda _: None, timeout=20):
        remove_labelled(engine, extra_labels(harness_stack))
        assert list_left(engine, harness_stack) == []
    others = {role_of(container) for container in list_labelled(engine, {LABEL_STACK: harness_stack.stack_id})}
    assert others >= {"minio", "aws", "relay"}
