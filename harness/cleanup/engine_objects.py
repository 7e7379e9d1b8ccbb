"""List the engine's objects that have a label of the harness, by session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import docker

from harness.engine import LABEL_SESSION, engine_errors
from harness.services.reaper import reaper_session

RUNNING_STATES = ("running", "paused", "restarting")


@dataclass(frozen=True)
class EngineObject:
    """A container, network or volume. `created` is in seconds since 1970."""

    kind: str
    running: bool
    is_reaper: bool
    created: float


def list_objects(client: docker.DockerClient) -> Mapping[str, list[EngineObject]]:
    """Return the objects by session id.

    A reaper is listed with the session that it watches. Raises EngineError.
    """
    objects: dict[str, list[EngineObject]] = defaultdict(list)

    def add(kind: str, labels: Mapping[str, str], created: float, running: bool = False) -> None:
        label = labels[LABEL_SESSION]
        session = label.removesuffix(reaper_session(""))
        objects[session].append(EngineObject(kind, running, label != session, created))

    filters = {"label": LABEL_SESSION}
    with engine_errors("listing containers, networks and volumes"):
        for container in client.api.containers(all=True, filters=filters):
            add("container", container["Labels"], container["Created"], container["State"] in RUNNING_STATES)
        for network in client.api.networks(filters=filters):
            add("network", network["Labels"], _parse_time(network["Created"]))
        for volume in client.api.volumes(filters=filters)["Volumes"] or []:
            add("volume", volume["Labels"], _parse_time(volume["CreatedAt"]))
    return objects


def _parse_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
