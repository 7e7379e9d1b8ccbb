"""What a DAG starts past the relay, by an engine that it names itself: how that is proved to be this stack's.

A client of the engine's API reads `~/.docker/config.json`, as docker-py and the docker command do, and puts the proxies
it finds there into the environment of each container that it makes. HOME is the run's own, so a proxy that nobody uses
marks them; the labeller finds it there. Our label proves as much, and so does the container's whole id in what the task
printed or returned. The short one does not: `docker ps` shows it of everybody's.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

MARKS = ".airflow-harness.invalid"
"""How the mark of every stack ends. No such host can be."""


@dataclass(frozen=True)
class Unproved:
    """A container that somebody made during a run, not through a relay. It is left alone."""

    id: str
    name: str
    image: str


def mark_of(stack_id: str) -> str:
    """The variable that proves a container this stack's. FTP's, since an image may have a use for the others."""
    return f"FTP_PROXY=http://{hashlib.sha256(stack_id.encode()).hexdigest()[:32]}{MARKS}"


def mark_what_is_made(home: Path, stack_id: str, relay: str) -> None:
    """Has a run with this HOME mark what it makes anywhere but at `relay`, whose sidecars are known without."""
    proxies = {"default": {"ftpProxy": mark_of(stack_id).partition("=")[2]}, relay: {}}
    folder = home / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"proxies": proxies}))
