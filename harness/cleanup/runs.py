"""Find test runs that were killed with their reaper or died in a machine crash."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import docker

from harness.cleanup.engine_objects import EngineObject, list_objects
from harness.cleanup.leftovers import Leftover
from harness.engine import LABEL_SESSION
from harness.runtime_dir import checkouts
from harness.services.cleanup import remove_labelled
from harness.services.reaper import reaper_session
from harness.services.session import ServiceSession, sessions
from harness.tables import counted

MIN_AGE = 3600.0
"""Seconds. Another user of the engine may be about to start younger objects."""


def find_dead_runs(client: docker.DockerClient | None) -> Iterator[Leftover]:
    """Find the folders and, with a client, the engine objects of dead test runs.

    A run of this user is dead if no living process holds one of its worker slots. A run of another user is dead if
    none of its containers runs and all its objects are older than MIN_AGE. A run with a running reaper is skipped,
    because the reaper removes it. A kept stack is skipped, because it belongs to its checkout.
    """
    sessions = {session.ident: session for checkout in checkouts() for session in sessions(checkout)}
    on_engine = list_objects(client) if client else {}
    for ident in sorted({*sessions, *on_engine}):
        objects, session = on_engine.get(ident, []), sessions.get(ident)
        if not _is_alive(session, objects) and not any(item.running and item.is_reaper for item in objects):
            contents = counted(Counter(item.kind for item in objects)) or "its folder"
            yield Leftover("dead test run", f"{ident}: {contents}", partial(_remove, client, ident, session))


def _is_alive(session: ServiceSession | None, objects: Sequence[EngineObject]) -> bool:
    if session:
        return session.kept or session.used()
    return any(item.running or item.created > time.time() - MIN_AGE for item in objects)


def _remove(client: docker.DockerClient | None, ident: str, session: ServiceSession | None) -> None:
    if client:
        for label in (ident, reaper_session(ident)):
            remove_labelled(client, {LABEL_SESSION: label})
    if session:
        shutil.rmtree(session.folder, ignore_errors=True)
