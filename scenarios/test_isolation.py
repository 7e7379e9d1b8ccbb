"""This machine's AWS settings and proxies don't affect a run, which stays on this machine."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Spec, World, mounted_socket, running_container
from scenarios import packets
from scenarios.account import DATE, ENDPOINT, JOB, Account

DAG = "aws_handwritten_digit_classifier"
ELSEWHERE = "192.0.2.1"
"""An address without a host: RFC 5737 reserves it for documentation."""


@pytest.fixture
def decoy() -> Iterator[tuple[str, list[str]]]:
    """URL of a server that no client should call, and the requests that it received."""
    requests: list[str] = []

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return  # The test has closed the server.
            with connection:
                requests.append(connection.recv(200).decode(errors="replace").partition("\r")[0])

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", requests
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_the_machines_settings_do_not_affect_a_run(
    world: World,
    aws_account: Account,
    decoy: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    url, requests = decoy
    home = tmp_path / "home" / ".aws"
    home.mkdir(parents=True)
    (home / "config").write_text(f"[profile mine]\nregion = us-east-1\nendpoint_url = {url}\nrole_arn = arn:x\n")
    (home / "credentials").write_text("[mine]\naws_access_key_id = MINE\naws_secret_access_key = MINE\n")
    for name, value in {
        "HOME": str(home.parent),
        "AWS_PROFILE": "mine",
        "AWS_ACCESS_KEY_ID": "MINE",
        "AWS_SECRET_ACCESS_KEY": "MINE",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": url,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), url),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    run = world.run(DAG, DATE)

    assert world.evidence.aws.endpoints[ENDPOINT]["EndpointConfigName"] == JOB
    assert requests == []
    assert "MINE" not in run.log


@pytest.mark.engine
@pytest.mark.one_runner
def test_a_run_sends_no_packet_outside(world: World, aws_account: Account) -> None:
    """The run has its own container and network, where a sniffer counts the outgoing packets."""
    python = world.stack.images["python"].reference
    nothing = Spec(role="place", image=python, entrypoint=("sleep", "infinity"))
    with running_container(world.stack, nothing, probe=lambda place: None, timeout=30) as place:
        sniffer = Spec(
            role="sniffer",
            image=python,
            entrypoint=("python3", "-u", "-c", inspect.getsource(packets)),
            shares=place.container.id,
        )

        with running_container(
            world.stack, sniffer, probe=lambda tap: _check_ready(tap.log_tail(1)), timeout=30
        ) as tap:
            with mounted_socket(world, shares=place.container.id) as socket:
                socket.world.run(DAG, DATE)
            # A packet to ELSEWHERE proves that the sniffer sees outgoing packets.
            send = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'?', ('{ELSEWHERE}', 9))"
            assert place.container.exec_run(["python3", "-c", send]).exit_code == 0
            tap.container.stop(timeout=10)
            counts = json.loads(tap.log_tail(1))
        own = place.container.attrs["NetworkSettings"]["Networks"][world.stack.network]

    subnet = f"{own['Gateway']}/{own['IPPrefixLen']}"
    assert sum(counts.values()) > 100, "the run called its services"
    assert packets.find_external(counts, [subnet]) == {ELSEWHERE: 1}


def _check_ready(line: str) -> None:
    if line != "sniffing":
        raise OSError(f"the sniffer is not ready, it printed {line!r}")
