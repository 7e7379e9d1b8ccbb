"""Removing what bears a label of ours, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import APIError, NotFound
from docker.models.networks import Network

from harness.engine import engine_errors
from harness.errors import ServiceError
from harness.services.containers import labelled, remove, with_labels


def remove_labelled(client: docker.DockerClient, labels: Mapping[str, str]) -> Counter[str]:
    """Removes the containers, networks and volumes with all of these labels; says how many of each there were.

    Raises ServiceError, after removing all else, where the engine refuses one.
    """
    removed: Counter[str] = Counter()
    refused: list[str] = []
    wanted = with_labels(labels)
    with engine_errors("removing containers"):
        containers = labelled(client, labels)
        with ThreadPoolExecutor() as pool:
            list(pool.map(remove, containers))
        removed["container"] = len(containers)
        networks, volumes = client.networks.list(filters=wanted), client.volumes.list(filters=wanted)
        for kind, made in (("network", networks), ("volume", volumes)):
            for one in made:
                try:
                    if isinstance(one, Network):
                        _empty(one)
                    one.remove()
                except NotFound:
                    pass
                except APIError as error:
                    refused.append(f"{kind} {one.name}: {error.explanation}")
                    continue
                removed[kind] += 1
    if refused:
        raise ServiceError(f"the engine keeps what the harness made ({'; '.join(refused)}): remove it with docker")
    return removed


def _empty(network: Network) -> None:
    """Takes out who is in it still: the session's Postgres, which outlives a worker's network."""
    network.reload()
    for member in network.attrs.get("Containers") or {}:
        network.disconnect(member, force=True)
