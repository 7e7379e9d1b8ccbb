"""Test runs that ended without their reaper: killed with it, or with the machine."""

from __future__ import annotations

import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import docker

from harness.clean.left import Left
from harness.engine import LABEL_FLEET, engine_errors
from harness.private import checkouts
from harness.services.fleet import Fleet, fleets
from harness.services.reaper import fleet_of_reaper
from harness.services.remove import remove_labelled
from harness.tables import counted

YOUNG = 3600.0
"""Seconds. What another user of the engine made within them may be about to start."""


@dataclass(frozen=True)
class _Thing:
    kind: str
    runs: bool
    reaper: bool
    made: float


def of_runs(client: docker.DockerClient | None) -> Iterator[Left]:
    """Of dead test runs the folder and what is on the engine; without a client the folders alone.

    A run of this user is dead if no living process holds a slot of it, one that somebody else made if nothing of it
    runs and nothing is young. One with a reaper is left to that, and what is kept is left to its own checkout.
    """
    own = {fleet.ident: fleet for checkout in checkouts() for fleet in fleets(checkout)}
    on_engine = _on_engine(client) if client else {}
    for ident in sorted({*own, *on_engine}):
        things = on_engine.get(ident, [])
        if not _alive(own.get(ident), things) and not any(one.runs and one.reaper for one in things):
            told = counted(Counter(one.kind for one in things)) or "its folder"
            yield Left("dead test run", f"{ident}: {told}", partial(_remove, client, ident, own.get(ident)))


def _alive(own: Fleet | None, things: Sequence[_Thing]) -> bool:
    if own:
        return own.kept or own.used()
    return any(one.runs or one.made > time.time() - YOUNG for one in things)


def _remove(client: docker.DockerClient | None, ident: str, own: Fleet | None) -> None:
    if client:
        for labelled in (ident, fleet_of_reaper(ident)):
            remove_labelled(client, {LABEL_FLEET: labelled})
    if own:
        shutil.rmtree(own.folder, ignore_errors=True)


def _on_engine(client: docker.DockerClient) -> Mapping[str, list[_Thing]]:
    """By fleet what has a label of ours."""
    found: dict[str, list[_Thing]] = defaultdict(list)

    def add(kind: str, labels: Mapping[str, str], made: float, runs: bool = False) -> None:
        ident = labels[LABEL_FLEET]
        of = ident.removesuffix(fleet_of_reaper(""))
        found[of].append(_Thing(kind, runs, ident != of, made))

    ours = {"label": LABEL_FLEET}
    with engine_errors("looking for what was left"):
        for one in client.api.containers(all=True, filters=ours):
            add("container", one["Labels"], one["Created"], one["State"] not in ("exited", "dead"))
        for one in client.api.networks(filters=ours):
            add("network", one["Labels"], _moment(one["Created"]))
        for one in client.api.volumes(filters=ours)["Volumes"] or []:
            add("volume", one["Labels"], _moment(one["CreatedAt"]))
    return found


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
