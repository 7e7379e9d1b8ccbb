"""Containers beside the stack: on its network, bounded, with files in them, and gone afterwards however they ended."""

from __future__ import annotations

import time

import docker
import pytest

from harness.engine import LABEL_ROLE, LABEL_STACK, connect
from harness.errors import ServiceError
from harness.services.cleanup import remove_labelled
from harness.services.containers import Spec, labelled, role_of
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


def left(engine: docker.DockerClient, stack: Stack) -> list[str]:
    return [str(container.name) for container in labelled(engine, {**extra_labels(stack), LABEL_ROLE: "extra-test"})]


def test_output_and_exit_code_of_one_that_ends(harness_stack: Stack, engine: docker.DockerClient) -> None:
    script = "import os, sys; print(os.environ['WORD']); print('to stderr', file=sys.stderr); sys.exit(3)"

    ended = run_container(
        harness_stack, spec(harness_stack, "python3", "-c", script, env={"WORD": "a word"}), timeout=20
    )

    assert ended.exit_code == 3
    assert sorted(ended.output.splitlines()) == ["a word", "to stderr"]
    assert left(engine, harness_stack) == []


def test_one_that_never_ends_is_stopped_and_what_it_printed_is_told(
    harness_stack: Stack, engine: docker.DockerClient
) -> None:
    began = time.monotonic()

    ended = run_container(
        harness_stack, spec(harness_stack, "sh", "-c", "while :; do echo not yet; sleep 0.2; done"), timeout=1.5
    )

    assert ended.exit_code is None
    assert ended.output.splitlines().count("not yet") > 1
    assert 1.5 <= ended.seconds <= time.monotonic() - began < 15
    assert left(engine, harness_stack) == []


def test_it_reaches_the_services_by_name(harness_stack: Stack) -> None:
    script = f"import urllib.request as u; print(u.urlopen('http://{harness_stack.minio.endpoint.internal}/minio/health/live').status)"

    assert run_container(harness_stack, spec(harness_stack, "python3", "-c", script), timeout=20).output == "200"


def test_one_that_is_offline_reaches_nobody(harness_stack: Stack) -> None:
    listing = run_container(harness_stack, spec(harness_stack, "ls", "/sys/class/net", offline=True), timeout=20)

    assert (listing.exit_code, listing.output.split()) == (0, ["lo"])


def test_files_are_in_it_before_it_starts(harness_stack: Stack) -> None:
    files = {"/made/on/the/way/data": b"\x00\xff", "/usr/local/bin/tool": b"#!/bin/sh\necho it runs\n"}

    ended = run_container(
        harness_stack,
        spec(harness_stack, "sh", "-c", "tool; stat -c '%U %a %s' /made/on/the/way/data"),
        timeout=20,
        files=files,
    )

    assert ended.output.splitlines() == ["it runs", "root 644 2"]


def test_a_server_is_handed_out_when_it_answers(harness_stack: Stack, engine: docker.DockerClient) -> None:
    def probe(beside: RunningContainer) -> None:
        LOCAL.get(beside.url(8000), timeout=1).raise_for_status()

    wanted = spec(harness_stack, "python3", "-c", SERVER, ports=(8000,), aliases=("beside-test",))
    with running_container(harness_stack, wanted, probe=probe, timeout=20) as beside:
        assert "Directory listing" in LOCAL.get(beside.url(8000), timeout=5).text
        (bound,) = beside.container.ports["8000/tcp"]
        assert bound["HostIp"] == "127.0.0.1"
        assert beside.container.labels[LABEL_STACK] == harness_stack.stack_id
        ask = "import urllib.request as u; print(u.urlopen('http://beside-test:8000/').status)"
        assert run_container(harness_stack, spec(harness_stack, "python3", "-c", ask), timeout=20).output == "200"

    assert left(engine, harness_stack) == []


def test_it_is_removed_when_the_scenario_fails(harness_stack: Stack, engine: docker.DockerClient) -> None:
    def scenario() -> None:
        with running_container(harness_stack, spec(harness_stack, "sleep", "60"), probe=lambda _: None, timeout=20):
            assert len(left(engine, harness_stack)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scenario()

    assert left(engine, harness_stack) == []


def test_a_server_that_ends_at_once_is_told_with_its_last_words(
    harness_stack: Stack, engine: docker.DockerClient
) -> None:
    def never(_: RunningContainer) -> None:
        raise AssertionError("it does not answer")

    wanted = spec(harness_stack, "sh", "-c", "echo cannot go on; exit 4")
    with (
        pytest.raises(ServiceError, match="cannot go on"),
        running_container(harness_stack, wanted, probe=never, timeout=20),
    ):
        pytest.fail("it was handed out")

    assert left(engine, harness_stack) == []


def test_a_server_that_never_answers_is_told(harness_stack: Stack, engine: docker.DockerClient) -> None:
    def never(_: RunningContainer) -> None:
        raise ValueError("it does not answer")

    with (
        pytest.raises(ServiceError, match=r"extra-test was not ready within 1 s .*it does not answer"),
        running_container(harness_stack, spec(harness_stack, "sleep", "60"), probe=never, timeout=1),
    ):
        pytest.fail("it was handed out")

    assert left(engine, harness_stack) == []


def test_an_image_that_is_not_there_is_one_line(harness_stack: Stack) -> None:
    with pytest.raises(ServiceError, match="extra-test can't be made from image harness-test/nosuch:1") as refused:
        run_container(harness_stack, Spec(role="extra-test", image="harness-test/nosuch:1"), timeout=5)
    assert "\n" not in str(refused.value)


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    harness_stack: Stack, engine: docker.DockerClient
) -> None:
    """As where a kept stack is taken over."""
    with running_container(harness_stack, spec(harness_stack, "sleep", "60"), probe=lambda _: None, timeout=20):
        remove_labelled(engine, extra_labels(harness_stack))
        assert left(engine, harness_stack) == []
    others = {role_of(container) for container in labelled(engine, {LABEL_STACK: harness_stack.stack_id})}
    assert others >= {"minio", "aws", "relay"}
