"""The addresses of a stack's services for containers on the stack's network."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from harness.services import aws, postgres_server, relay
from harness.services.stack import Stack


def map_addresses(stack: Stack) -> dict[str, str]:
    """Map host:port of each service on this machine to host:port on the stack's network."""
    return {
        urlsplit(stack.minio.endpoint.url).netloc: stack.minio.endpoint.internal,
        urlsplit(stack.aws.url).netloc: f"{stack.aws.name}:{aws.PORT}",
        urlsplit(stack.relay.docker_host).netloc: f"{stack.relay.name}:{relay.PORT}",
        **{
            urlsplit(url).netloc.rpartition("@")[2]: f"{stack.postgres.name}:{postgres_server.PORT}"
            for url in (stack.postgres.url("postgres"), stack.postgres.direct_url("postgres"))
        },
    }


def replace_addresses(value: str, addresses: Mapping[str, str]) -> str:
    """Replace every address in `value`, also where it is percent-encoded."""
    for outside, inside in addresses.items():
        value = value.replace(outside, inside).replace(quote(outside, safe=""), quote(inside, safe=""))
    return value
