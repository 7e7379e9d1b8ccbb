"""What of ours is on the engine, by fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import docker

from harness.engine import LABEL_FLEET, engine_errors
from harness.services.reaper import fleet_of_reaper

LIVING = ("running", "paused", "restarting")


@dataclass(frozen=True)
class Thing:
    """A container, network or volume; `made` in seconds since 1970."""

    kind: str
    runs: bool
    reaper: bool
    made: float


def things(client: docker.DockerClient) -> Mapping[str, list[Thing]]:
    """By fleet what has a label of ours; a fleet's reaper is counted to it. Raises EngineError."""
    found: dict[str, list[Thing]] = defaultdict(list)

    def add(kind: str, labels: Mapping[str, str], made: float, runs: bool = False) -> None:
        ident = labels[LABEL_FLEET]
        of = ident.removesuffix(fleet_of_reaper(""))
        found[of].append(Thing(kind, runs, ident != of, made))

    ours = {"label": LABEL_FLEET}
    with engine_errors("looking for what was left"):
        for one in client.api.containers(all=True, filters=ours):
            add("container", one["Labels"], one["Created"], one["State"] in LIVING)
        for one in client.api.networks(filters=ours):
            add("network", one["Labels"], _moment(one["Created"]))
        for one in client.api.volumes(filters=ours)["Volumes"] or []:
            add("volume", one["Labels"], _moment(one["CreatedAt"]))
    return found


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
