"""Pull an image within a time limit.

A registry that did not answer is not contacted again by this process.
"""

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
from harness.images.tools import DISK_FULL_TEXT, disk_full
from harness.progress import Progress

STALL_TIMEOUT = 45.0
"""Seconds without an event after which a pull fails."""
TOTAL_TIMEOUT = 1800.0
"""Seconds after which a pull fails in any case."""

_MISSING = re.compile(
    r"not found|manifest unknown|access denied|denied:|unauthorized|does not exist|invalid reference", re.I
)
_UNREACHABLE = re.compile(
    r"no such host|timeout|timed out|refused|unreachable|server misbehaving|proxyconnect|no route|x509|"
    r"temporary failure|exceeded while awaiting|made no progress|EOF|reset by peer",
    re.I,
)
_unreachable: dict[str, str] = {}  # The reason by registry, for the life of this process.


class PullError(Exception):
    """A pull failed for `reason`.

    `missing` is true if the registry answered that it has no such image, or none without a login.
    """

    def __init__(self, reason: str, missing: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing


def pull(client: docker.DockerClient, reference: str, name: str, progress: Progress) -> None:
    """Pull `reference` for image `name`. Raises PullError, DiskFullError, EngineError."""
    registry = parse_registry(reference)
    if registry in _unreachable:
        raise PullError(_unreachable[registry])
    progress.step(name, f"pulling {reference}")
    try:
        _show_progress(_read_bounded(_start_pull(client, reference)), name, progress)
    except _PullFailedError as error:
        text = str(error)
        if DISK_FULL_TEXT in text.lower():
            raise disk_full(name) from error
        # The engine itself may have failed.
        with engine_errors(f"pulling {reference}"):
            client.ping()
        if _MISSING.search(text) and not _UNREACHABLE.search(text):
            raise PullError(f"{registry} has no {reference}", missing=True) from error
        if _UNREACHABLE.search(text):
            _unreachable[registry] = f"{registry} can't be reached"
            raise PullError(_unreachable[registry]) from error
        raise PullError(f"{registry} answered: {text.strip()[:160]}") from error


class _PullFailedError(Exception):
    """The engine reported an error, or the pull took too long."""


def parse_registry(reference: str) -> str:
    """Return the registry host of an image reference, by the engine's own rule."""
    first, slash, _ = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


def _start_pull(client: docker.DockerClient, reference: str) -> Iterator[dict[str, Any]]:
    repository, tag = parse_repository_tag(reference)
    # A generator sends the request on the thread that reads it.
    yield from client.api.pull(repository, tag=tag or "latest", stream=True, decode=True)


def _read_bounded(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield `events` within the time limits. Raises _PullFailedError.

    A thread reads the events, because docker-py's pull takes no timeout.
    """
    received: queue.Queue[dict[str, Any] | Exception | None] = queue.Queue()

    def read() -> None:
        try:
            for event in events:
                received.put(event)
            received.put(None)
        except Exception as error:
            received.put(error)

    threading.Thread(target=read, name="image-pull", daemon=True).start()
    deadline = time.monotonic() + TOTAL_TIMEOUT
    while True:
        try:
            event = received.get(timeout=max(0.0, min(STALL_TIMEOUT, deadline - time.monotonic())))
        except queue.Empty:
            limits = f"{STALL_TIMEOUT:.0f} s, or took over {TOTAL_TIMEOUT:.0f} s"
            raise _PullFailedError(f"the pull made no progress for {limits}") from None
        if event is None:
            return
        if isinstance(event, (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError)):
            text = event.explanation if isinstance(event, APIError) else None
            raise _PullFailedError(str(text or event)) from event
        if isinstance(event, Exception):
            raise event
        yield event


def _show_progress(events: Iterator[dict[str, Any]], name: str, progress: Progress) -> None:
    layers: dict[str, tuple[int, int]] = {}
    shown = 0
    for event in events:
        if event.get("error"):
            raise _PullFailedError(str(event["error"]))
        detail = event.get("progressDetail") or {}
        if event.get("status") == "Downloading" and detail.get("total"):
            layers[str(event.get("id"))] = (int(detail.get("current", 0)), int(detail["total"]))
            done, total = (sum(numbers) for numbers in zip(*layers.values(), strict=True))
            if done * 10 // total > shown:
                shown = done * 10 // total
                progress.step(name, f"pulling: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
