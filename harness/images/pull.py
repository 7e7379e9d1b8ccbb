"""Pulling an image: bounded, and without asking a registry again that did not answer."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException
from docker.utils import parse_repository_tag

from harness.engine import engine_errors
from harness.images.tools import FULL, disk_full
from harness.progress import Progress

SILENCE = 45.0
"""Seconds a pull may say nothing before it counts as failed."""
LONGEST = 1800.0
"""Seconds a pull may take in all."""

_MISSING = re.compile(
    r"not found|manifest unknown|access denied|denied:|unauthorized|does not exist|invalid reference", re.I
)
_UNREACHABLE = re.compile(
    r"no such host|timeout|timed out|refused|unreachable|server misbehaving|proxyconnect|no route|x509|"
    r"temporary failure|exceeded while awaiting|said nothing|EOF|reset by peer",
    re.I,
)
_unreachable: dict[str, str] = {}  # registry: what was said, for this process


class PullError(Exception):
    """Why a pull failed, in few words. `missing`: the registry answered that there is no such image for us."""

    def __init__(self, reason: str, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing


def pull(client: docker.DockerClient, reference: str, name: str, progress: Progress) -> None:
    """Pulls `reference` for image `name`. Raises PullError, ImageError when the disk is full, EngineError."""
    registry = registry_of(reference)
    if registry in _unreachable:
        raise PullError(_unreachable[registry])
    progress.step(name, f"pulling {reference}")
    try:
        _follow(_bounded(_events(client, reference)), name, progress)
    except _FailedError as error:
        text = str(error)
        if FULL in text.lower():
            raise disk_full(name) from error
        # What failed may have been the engine itself.
        with engine_errors(f"pulling {reference}"):
            client.ping()
        if _MISSING.search(text) and not _UNREACHABLE.search(text):
            raise PullError(f"{registry} has no {reference}", missing=True) from error
        if _UNREACHABLE.search(text):
            _unreachable[registry] = f"{registry} can't be reached"
            raise PullError(_unreachable[registry]) from error
        raise PullError(f"{registry} answered: {text.strip()[:160]}") from error


class _FailedError(Exception):
    pass


def registry_of(reference: str) -> str:
    """The host that an image reference names, by the rule of the engine."""
    first, slash, _ = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


def _events(client: docker.DockerClient, reference: str) -> Iterator[dict[str, Any]]:
    repository, tag = parse_repository_tag(reference)
    # A generator, so that the request itself is made on the thread that reads it.
    yield from client.api.pull(repository, tag=tag or "latest", stream=True, decode=True)


def _bounded(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same events, read on a thread: docker-py's pull has no timeout of its own."""
    arrived: queue.Queue[dict[str, Any] | Exception | None] = queue.Queue()

    def read() -> None:
        try:
            for event in events:
                arrived.put(event)
            arrived.put(None)
        except Exception as error:
            arrived.put(error)

    threading.Thread(target=read, name="image-pull", daemon=True).start()
    end = time.monotonic() + LONGEST
    while True:
        try:
            event = arrived.get(timeout=max(0.0, min(SILENCE, end - time.monotonic())))
        except queue.Empty:
            raise _FailedError(f"the pull said nothing for {SILENCE:.0f} s, or took over {LONGEST:.0f} s") from None
        if event is None:
            return
        if isinstance(event, (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError)):
            text = event.explanation if isinstance(event, APIError) else None
            raise _FailedError(str(text or event)) from event
        if isinstance(event, Exception):
            raise event
        yield event


def _follow(events: Iterator[dict[str, Any]], name: str, progress: Progress) -> None:
    layers: dict[str, tuple[int, int]] = {}
    shown = 0
    for event in events:
        if event.get("error"):
            raise _FailedError(str(event["error"]))
        detail = event.get("progressDetail") or {}
        if event.get("status") == "Downloading" and detail.get("total"):
            layers[str(event.get("id"))] = (int(detail.get("current", 0)), int(detail["total"]))
            done, total = (sum(numbers) for numbers in zip(*layers.values(), strict=True))
            if done * 10 // total > shown:
                shown = done * 10 // total
                progress.step(name, f"pulling: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
