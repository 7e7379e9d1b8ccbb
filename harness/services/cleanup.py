"""Remove objects on the engine by their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import APIError, NotFound
from docker.models.networks import Network

from harness.engine import engine_errors
from harness.errors import ServiceError
from harness.services.containers import label_filter, list_labelled, remove


def remove_labelled(client: docker.DockerClient, labels: Mapping[str, str]) -> Counter[str]:
    """Remove containers, networks and volumes with all these labels; return their numbers.

    Raises ServiceError after removing the others if the engine refuses one.
    """
    removed: Counter[str] = Counter()
    refused: list[str] = []
    filters = label_filter(labels)
    with engine_errors("removing containers"):
        containers = list_labelled(client, labels)
        with ThreadPoolExecutor() as pool:
            list(pool.map(remove, containers))
        removed["container"] = len(containers)
        networks, volumes = client.networks.list(filters=filters), client.volumes.list(filters=filters)
        for kind, objects in (("network", networks), ("volume", volumes)):
            for item in objects:
                try:
                    if isinstance(item, Network):
                        _disconnect_all(item)
                    item.remove()
                except NotFound:
                    pass
                except APIError as error:
                    refused.append(f"{kind} {item.name}: {error.explanation}")
                    continue
                removed[kind] += 1
    if refused:
        raise ServiceError(f"the engine refused to remove objects ({'; '.join(refused)}): remove them with docker")
    return removed


def _disconnect_all(network: Network) -> None:
    """Disconnect the containers that outlive a worker's network: the session's Postgres."""
    network.reload()
    for member in network.attrs.get("Containers") or {}:
        network.disconnect(member, force=True)
