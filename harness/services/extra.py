"""Containers that a scenario starts beside the stack's services: programs and servers.

They carry the stack's labels, so they are removed with it, and one that distinguishes them from services. Files are
sent as a tar through the engine's API instead of bind mounts, because the engine may be on another machine.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import requests
from docker.errors import APIError
from docker.models.containers import Container

from harness.engine import CALL_TIMEOUT, LABEL_EXTRA, LABEL_SESSION, LABEL_STACK, connect, engine_errors
from harness.images.resolve import resolve_image
from harness.progress import SILENT, Progress
from harness.services.containers import (
    LOOPBACK,
    Spec,
    await_ready,
    create,
    published_port,
    read_log_tail,
    remove,
    start,
)
from harness.services.stack import Stack
from harness.settings import Settings

LAST_LINES = 2000
"""Lines of a container's output that are kept."""


@dataclass(frozen=True)
class ContainerResult:
    """Result of a container. `exit_code` is None if it was stopped after its timeout.

    `output` combines stdout and stderr.
    """

    exit_code: int | None
    output: str
    seconds: float


@dataclass(frozen=True)
class RunningContainer:
    """A running server. `ports` maps each port of its spec to the port on 127.0.0.1."""

    container: Container
    ports: Mapping[int, int]

    def url(self, port: int) -> str:
        return f"http://{LOOPBACK}:{self.ports[port]}"

    def log_tail(self, lines: int) -> str:
        return read_log_tail(self.container, lines)


def catalogue_image(settings: Settings, name: str, progress: Progress = SILENT) -> str:
    """Return the reference of a catalogue image, after pulling or building it if necessary.

    Raises ImageError, EngineError.
    """
    return resolve_image(connect(), settings, name, progress).reference


def run_container(
    stack: Stack, spec: Spec, *, timeout: float, files: Mapping[str, bytes] | None = None, user: str | None = None
) -> ContainerResult:
    """Run a container on the stack's network until it exits or times out, then remove it.

    `files` maps absolute paths in the container to contents; `user` replaces the image's user; `timeout` is in seconds.
    Raises ServiceError if the engine refuses, EngineError if it is gone.
    """
    with _create(stack, spec, files or {}, user) as container, engine_errors(f"running {spec.role}"):
        began = time.monotonic()
        start(container)
        exit_code = wait_for_exit(container, timeout)
        seconds = time.monotonic() - began
        if exit_code is None:
            with suppress(APIError):  # It has just exited.
                container.kill()
            wait_for_exit(container, CALL_TIMEOUT)  # Its output is complete then.
        return ContainerResult(exit_code, read_log_tail(container, LAST_LINES), seconds)


@contextmanager
def running_container(
    stack: Stack,
    spec: Spec,
    *,
    probe: Callable[[RunningContainer], object],
    timeout: float,
    files: Mapping[str, bytes] | None = None,
) -> Iterator[RunningContainer]:
    """Start a server on the stack's network, and remove it at the end of the block.

    Yields the server when `probe` succeeds. `files` is as for run_container(). Raises ServiceError if `probe` fails for
    `timeout` seconds, EngineError if the engine is gone.
    """
    with _create(stack, spec, files or {}) as container:
        start(container)
        server = RunningContainer(container, {port: published_port(container, port) for port in spec.ports})
        await_ready(container, lambda: probe(server), timeout)
        yield server


def extra_labels(stack: Stack) -> dict[str, str]:
    """Return the labels of a scenario's objects on the engine beside the stack's services."""
    return {LABEL_SESSION: stack.session_id, LABEL_STACK: stack.stack_id, LABEL_EXTRA: "yes"}


@contextmanager
def _create(stack: Stack, spec: Spec, files: Mapping[str, bytes], user: str | None = None) -> Iterator[Container]:
    """Create a container with its files, unstarted, and remove it at the end of the block."""
    container = create(connect(), spec, extra_labels(stack), stack.network, user)
    try:
        with engine_errors(f"copying files into {spec.role}"):
            _put_files(container, files)
        yield container
    finally:
        remove(container)


def _put_files(container: Container, files: Mapping[str, bytes]) -> None:
    """Copy files, owned by root and readable by all, executable if they start with `#!`."""
    if not files:
        return
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size = len(content)
            info.mode = 0o755 if content.startswith(b"#!") else 0o644
            tar.addfile(info, io.BytesIO(content))
    container.put_archive("/", archive.getvalue())


def wait_for_exit(container: Container, timeout: float) -> int | None:
    """Return the exit code of a container; None if it runs for longer than `timeout` seconds."""
    try:
        return int(container.wait(timeout=timeout)["StatusCode"])
    except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError):
        # docker-py raises either of them after the timeout. If the engine is gone, the next call fails.
        return None
