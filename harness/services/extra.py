"""Containers that a scenario starts itself, beside the stack's services: such as do their work and end, and servers.

They bear the stack's labels, so that whatever removes the stack removes them too, and one of their own, so that those
which a killed test process left can be told from the services. Files go in as a tar through the engine's API, never as
a bind mount: the engine may be on another machine.
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

from harness.engine import LABEL_EXTRA, LABEL_SESSION, LABEL_STACK, connect, engine_errors
from harness.images.resolve import resolve_image
from harness.progress import SILENT, Progress
from harness.services.containers import LOOPBACK, Spec, await_ready, create, published, remove, start, tail
from harness.services.stack import Stack
from harness.settings import Settings

LAST_LINES = 2000
"""Lines of a container's output that are kept."""


@dataclass(frozen=True)
class ContainerResult:
    """What a container left that was to end. `exit_code`: None where it had to be stopped after its time.

    `output` is stdout and stderr as they came.
    """

    exit_code: int | None
    output: str
    seconds: float


@dataclass(frozen=True)
class RunningContainer:
    """A container that serves. `ports` maps each port of its spec to the host port on 127.0.0.1."""

    container: Container
    ports: Mapping[int, int]

    def url(self, port: int) -> str:
        return f"http://{LOOPBACK}:{self.ports[port]}"

    def log_tail(self, lines: int) -> str:
        return tail(self.container, lines)


def catalogue_image(settings: Settings, name: str, progress: Progress = SILENT) -> str:
    """What to start image `name` of the catalogue from; it is pulled or built where it is not present.

    Raises ImageError, EngineError.
    """
    return resolve_image(connect(), settings, name, progress).reference


def run_container(
    stack: Stack, spec: Spec, *, timeout: float, files: Mapping[str, bytes] | None = None, user: str | None = None
) -> ContainerResult:
    """Runs the container on the stack's network until it ends, or for `timeout` seconds; then it is removed.

    `files` maps absolute paths in it to contents; `user` is who it runs as, if not the image's own. Raises ServiceError
    where the engine refuses it, EngineError.
    """
    with _made(stack, spec, files or {}, user) as container, engine_errors(f"running {spec.role}"):
        began = time.monotonic()
        start(container)
        exit_code = _ended_within(container, timeout)
        seconds = time.monotonic() - began
        if exit_code is None:
            with suppress(APIError):  # it ended at this very moment
                container.kill()
            container.wait()  # so that the last of what it printed is there
        return ContainerResult(exit_code, tail(container, LAST_LINES), seconds)


@contextmanager
def running_container(
    stack: Stack,
    spec: Spec,
    *,
    probe: Callable[[RunningContainer], object],
    timeout: float,
    files: Mapping[str, bytes] | None = None,
) -> Iterator[RunningContainer]:
    """A running container on the stack's network; it is removed at the end of the context.

    Yielded when `probe` stops raising, within `timeout` seconds. `files` as in run_container(). Raises ServiceError if
    it does not come up, EngineError.
    """
    with _made(stack, spec, files or {}) as container:
        start(container)
        beside = RunningContainer(container, {port: published(container, port) for port in spec.ports})
        await_ready(container, lambda: probe(beside), timeout)
        yield beside


def extra_labels(stack: Stack) -> dict[str, str]:
    """The labels of whatever a scenario makes on the engine beside the stack's services."""
    return {LABEL_SESSION: stack.session_id, LABEL_STACK: stack.stack_id, LABEL_EXTRA: "yes"}


@contextmanager
def _made(stack: Stack, spec: Spec, files: Mapping[str, bytes], user: str | None = None) -> Iterator[Container]:
    """The container, created with its files in it and not yet started."""
    container = create(connect(), spec, extra_labels(stack), stack.network, user)
    try:
        with engine_errors(f"filling {spec.role}"):
            _put(container, files)
        yield container
    finally:
        remove(container)


def _put(container: Container, files: Mapping[str, bytes]) -> None:
    """Owned by root, readable by all, executable if it starts as a script does; folders are made on the way."""
    if not files:
        return
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size = len(content)
            info.mode = 0o755 if content.startswith(b"#!") else 0o644
            tar.addfile(info, io.BytesIO(content))
    container.put_archive("/", packed.getvalue())


def _ended_within(container: Container, timeout: float) -> int | None:
    try:
        return int(container.wait(timeout=timeout)["StatusCode"])
    except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError):
        # docker-py tells of a read that took too long by either of the two; an engine that is gone tells the next call.
        return None
