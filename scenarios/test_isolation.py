"""What this machine has of its own (AWS profiles, proxies, metadata) changes nothing, and no packet leaves it."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Spec, World, dag_files, run_in_image, start_beside
from scenarios import packets
from scenarios.account import DATE, ENDPOINT, JOB, Account

DAG = "aws_handwritten_digit_classifier"
ELSEWHERE = "192.0.2.1"
"""An address that is nobody's: RFC 5737 keeps it for examples."""


@pytest.fixture
def decoy() -> Iterator[tuple[str, list[str]]]:
    """URL of a server that nobody should ask, and the first lines of what asked it all the same."""
    asked: list[str] = []

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return  # closed
            with connection:
                asked.append(connection.recv(200).decode(errors="replace").partition("\r")[0])

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_the_machines_own_settings_change_nothing(
    world: World,
    aws_account: Account,
    decoy: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    url, asked = decoy
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
    assert asked == []
    assert "MINE" not in run.log


@pytest.mark.engine
@pytest.mark.one_runner
def test_no_packet_leaves(world: World, aws_account: Account) -> None:
    """Counted where they leave: by a sniffer in the network that the run has to itself, in a container."""
    python = world.stack.images["python"].reference
    nothing = Spec(role="place", image=python, entrypoint=("sleep", "infinity"))
    with start_beside(world.stack, nothing, probe=lambda place: None, timeout=30) as place:
        sniffer = Spec(
            role="sniffer",
            image=python,
            entrypoint=("python3", "-u", "-c", inspect.getsource(packets)),
            shares=place.container.id,
        )

        with start_beside(world.stack, sniffer, probe=lambda tap: _says(tap.log_tail(1)), timeout=30) as tap:
            run = run_in_image(
                world.stack,
                world.settings,
                DAG,
                DATE,
                files=dag_files(world.settings.dags_folder, ["digit_classifier"]),
                connections=world.connections,
                environment=world.environment,
                timeout=world.settings.run_timeout,
                shares=place.container.id,
            )
            # That the sniffer would have seen one: a packet to nowhere.
            send = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'?', ('{ELSEWHERE}', 9))"
            assert place.container.exec_run(["python3", "-c", send]).exit_code == 0
            tap.container.stop(timeout=10)
            counts = json.loads(tap.log_tail(1))
        own = place.container.attrs["NetworkSettings"]["Networks"][world.stack.network]

    assert run.failure is None, f"{run.failure}\n{run.log[-3000:]}"
    subnet = f"{own['Gateway']}/{own['IPPrefixLen']}"
    assert sum(counts.values()) > 100, "the run talked to its services"
    assert packets.beyond(counts, [subnet]) == {ELSEWHERE: 1}


def _says(line: str) -> None:
    if line != "sniffing":
        raise OSError(f"the sniffer says {line!r}")
