"""The addresses of services in the stack's network, and the owner of the engine's socket."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from harness.engine_socket import FileOwner, get_engine_socket_owner
from harness.services.addresses import map_addresses, replace_addresses
from harness.services.stack import Stack

KNOWN = {"127.0.0.1:32768": "locals3:9000", "172.17.0.2:5432": "postgres:5432"}


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ("http://127.0.0.1:32768", "http://locals3:9000"),
        (
            "aws://user:secret@/?endpoint_url=http%3A%2F%2F127.0.0.1%3A32768&region_name=eu-west-1",
            "aws://user:secret@/?endpoint_url=http%3A%2F%2Flocals3%3A9000&region_name=eu-west-1",
        ),
        (
            "postgresql+psycopg2://postgres:secret@172.17.0.2:5432/db",
            "postgresql+psycopg2://postgres:secret@postgres:5432/db",
        ),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("locals3:9000", "locals3:9000"),
    ],
)
def test_addresses_are_replaced_by_those_of_the_network(outside: str, inside: str) -> None:
    assert replace_addresses(outside, KNOWN) == inside


@pytest.mark.engine
def test_every_service_has_an_address_inside(harness_stack: Stack) -> None:
    addresses = map_addresses(harness_stack)
    assert (
        replace_addresses(harness_stack.minio.endpoint.url, addresses)
        == f"http://{harness_stack.minio.endpoint.internal}"
    )
    assert replace_addresses(harness_stack.aws.url, addresses) == "http://aws:5000"
    assert replace_addresses(harness_stack.relay.docker_host, addresses) == "tcp://relay:2375"
    for url in (harness_stack.postgres.url("insideairbnb"), harness_stack.postgres.direct_url("any")):
        inside = urlsplit(replace_addresses(url, addresses))
        assert (inside.hostname, inside.port) == ("postgres", 5432)
        assert inside.path == urlsplit(url).path


@pytest.mark.engine
def test_the_owner_of_the_engine_socket_is_read(harness_stack: Stack) -> None:
    owner = get_engine_socket_owner(harness_stack)
    assert owner.uid == 0
    assert owner.mode in {"660", "666"}
    assert str(FileOwner(0, 998, "660")) == "owner 0, group 998, mode 660"
