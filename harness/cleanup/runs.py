"""Test runs that ended without their reaper: killed with it, or with the machine."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import docker

from harness.cleanup.engine_objects import Thing, things
from harness.cleanup.leftovers import Left
from harness.engine import LABEL_FLEET
from harness.private import checkouts
from harness.services.fleet import Fleet, fleets
from harness.services.reaper import fleet_of_reaper
from harness.services.remove import remove_labelled
from harness.tables import counted

YOUNG = 3600.0
"""Seconds. What another user of the engine made within them may be about to start."""


def of_runs(client: docker.DockerClient | None) -> Iterator[Left]:
    """Of dead test runs the folder and what is on the engine; without a client the folders alone.

    A run of this user is dead if no living process holds a slot of it, one that somebody else made if nothing of it
    runs and nothing is young. One with a reaper is left to that, and what is kept is left to its own checkout.
    """
    own = {fleet.ident: fleet for checkout in checkouts() for fleet in fleets(checkout)}
    on_engine = things(client) if client else {}
    for ident in sorted({*own, *on_engine}):
        left = on_engine.get(ident, [])
        if not _alive(own.get(ident), left) and not any(one.runs and one.reaper for one in left):
            told = counted(Counter(one.kind for one in left)) or "its folder"
            yield Left("dead test run", f"{ident}: {told}", partial(_remove, client, ident, own.get(ident)))


def _alive(own: Fleet | None, left: Sequence[Thing]) -> bool:
    if own:
        return own.kept or own.used()
    return any(one.runs or one.made > time.time() - YOUNG for one in left)


def _remove(client: docker.DockerClient | None, ident: str, own: Fleet | None) -> None:
    if client:
        for labelled in (ident, fleet_of_reaper(ident)):
            remove_labelled(client, {LABEL_FLEET: labelled})
    if own:
        shutil.rmtree(own.folder, ignore_errors=True)
