"""Create, start, inspect and remove labelled containers, published on loopback only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import EndpointConfig
from testcontainers.core.config import testcontainers_config
from urllib3.exceptions import HTTPError

from harness.engine import LABEL_ROLE, LABEL_SESSION, LABEL_STACK, engine_errors
from harness.errors import ServiceError, in_one_line
from harness.services.wait import await_answer

# testcontainers' reaper publishes the engine's socket on all interfaces, and would remove the stack's network, which
# has a label of testcontainers. That of reaper.py does neither.
testcontainers_config.ryuk_disabled = True

LOOPBACK = "127.0.0.1"
PORT_IN_USE = re.compile(rf"\b({re.escape(LOOPBACK)}:\d+)\b.*already (?:allocated|in use)")
"""The engine's message if it can't publish a port."""
ATTACH_TIMEOUT = 5.0
"""Seconds in which a container that another process left running must answer."""


@dataclass(frozen=True)
class Spec:
    """One container to start. Its `ports` are published on 127.0.0.1.

    `fixed` maps ports to ports of this machine; the others get random ones. `in_memory` is a folder that is kept in
    memory. `offline` gives the container no network, which starts faster. `shares` is the id of a container whose
    network it uses.
    """

    role: str
    image: str
    ports: Sequence[int] = ()
    fixed: Mapping[int, int | None] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] | None = None
    entrypoint: Sequence[str] | None = None
    aliases: Sequence[str] = ()
    volumes: Sequence[tuple[str, str, str]] = ()
    in_memory: str | None = None
    auto_remove: bool = False
    offline: bool = False
    shares: str | None = None


@dataclass(frozen=True)
class StackContext:
    """Where a service runs: engine, session and stack. Starts may take `timeout` seconds.

    `network` is the name of the stack's network; `await_network` waits until the network exists.
    """

    client: docker.DockerClient
    session_id: str
    stack_id: str
    timeout: float
    network: str
    await_network: Callable[[], object]

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL_SESSION: self.session_id, LABEL_STACK: self.stack_id}


def create(
    client: docker.DockerClient,
    spec: Spec,
    labels: Mapping[str, str],
    network: str | None = None,
    user: str | None = None,
) -> Container:
    """Create the container of `spec`, with `labels` and its role's label, without starting it.

    It will join `network`, which need not exist yet. `user` replaces the image's user. Raises ServiceError if the
    engine refuses, EngineError if the engine is gone.
    """
    options: dict[str, Any] = {"ports": {f"{port}/tcp": (LOOPBACK, spec.fixed.get(port)) for port in spec.ports}}
    if spec.offline:
        options["network_mode"] = "none"
    elif spec.shares:
        options = {"network_mode": f"container:{spec.shares}"}
    elif network:
        aliases = EndpointConfig(client.api.api_version, aliases=list(spec.aliases))
        options |= {"network": network, "networking_config": {network: aliases}}
    with engine_errors(f"creating {spec.role}"):
        try:
            return client.containers.create(
                spec.image,
                command=list(spec.command) if spec.command is not None else None,
                entrypoint=list(spec.entrypoint) if spec.entrypoint is not None else None,
                environment=dict(spec.env),
                labels={**labels, LABEL_ROLE: spec.role},
                volumes={source: {"bind": target, "mode": mode} for source, target, mode in spec.volumes},
                tmpfs={spec.in_memory: ""} if spec.in_memory is not None else None,
                auto_remove=spec.auto_remove,
                user=user,
                **options,
            )
        except APIError as error:
            raise ServiceError(
                f"{spec.role} can't be created from image {spec.image}: {error.explanation or error}"
            ) from error


def start(container: Container) -> None:
    """Start a container. Raises ServiceError if the engine refuses, EngineError if it is gone."""
    role = role_of(container)
    with engine_errors(f"starting {role}"):
        try:
            container.start()
        except APIError as error:
            if in_use := PORT_IN_USE.search(str(error.explanation)):
                raise ServiceError(
                    f"{role} can't use the configured port {in_use[1]}, in use by another test run, by services "
                    "that `--reuse` or `harness up` keeps (`harness down` ends them) or by another program "
                    "(`docker ps` and `ss -ltnp` show which): stop the other user, or set another port"
                ) from error
            image = container.attrs["Config"]["Image"]
            raise ServiceError(f"{role} can't start from image {image}: {error.explanation or error}") from error


def create_and_start(context: StackContext, spec: Spec) -> Container:
    """Create and start a service's container. It may be created before its network exists."""
    container = create(context.client, spec, context.labels, context.network)
    if not spec.offline:
        context.await_network()
    start(container)
    return container


def published_port(container: Container, port: int) -> int:
    """Return the host's port of the container's `port`. Raises ServiceError if it has exited."""
    _check_running(container)
    bound = container.ports.get(f"{port}/tcp")
    if not bound:
        raise ServiceError(f"{role_of(container)} does not publish port {port}: is it the right image?")
    return int(bound[0]["HostPort"])


def role_of(container: Container) -> str:
    """Return the role of a container, which may come from list_labelled()."""
    attrs = container.attrs
    labels = attrs.get("Labels") or attrs.get("Config", {}).get("Labels") or {}
    return str(labels.get(LABEL_ROLE, container.id))


def slot_of(container: Container) -> int:
    """Return the slot of a container from list_labelled(), 0 if the whole session uses it."""
    return int(container.attrs["Labels"].get(LABEL_STACK, "-0").rpartition("-")[2])


def _check_running(container: Container) -> None:
    role = role_of(container)
    with engine_errors(f"waiting for {role}"):
        try:
            container.reload()
        except NotFound as error:
            raise ServiceError(f"{role} exited and was removed before it answered: is it the right image?") from error
    if container.status in ("exited", "dead"):
        raise ServiceError(
            f"{role} started from {container.attrs['Config']['Image']} and exited with code "
            f"{container.attrs['State']['ExitCode']}: is it the right image? {_format_last_lines(container)}"
        )


def _format_last_lines(container: Container) -> str:
    return f"Its last lines: {in_one_line(read_log_tail(container, 5))}"


def await_ready(container: Container, probe: Callable[[], object], timeout: float) -> None:
    """Call `probe` every 50 ms until it succeeds.

    Raises ServiceError, with the container's last lines, if it exits or `timeout` seconds pass.
    """
    await_answer(
        role_of(container), probe, timeout, lambda: _check_running(container), lambda: _format_last_lines(container)
    )


def read_log_tail(container: Container, lines: int, stdout: bool = True, since: float | None = None) -> str:
    """Return the container's last lines, or nothing if it or the engine is gone.

    `since` leaves out lines that were printed before this time, in seconds since 1970.
    """
    try:
        return str(container.logs(tail=lines, stdout=stdout, since=since).decode("utf-8", "replace")).strip()
    except (DockerException, requests.RequestException, HTTPError, OSError):
        return ""


def remove(container: Container) -> None:
    """Remove the container and its anonymous volumes, if it still exists."""
    with engine_errors(f"removing {role_of(container)}"):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            pass
        except APIError as error:
            # 409 means that the engine is already removing the container.
            if error.status_code != 409:
                raise


def list_labelled(client: docker.DockerClient, labels: Mapping[str, str]) -> list[Container]:
    """List all containers with these labels, running or not, with a listing's attributes."""
    with engine_errors(f"listing {labels.get(LABEL_ROLE, 'the container')}s"):
        return list(client.containers.list(all=True, filters=label_filter(labels), sparse=True))


def label_filter(labels: Mapping[str, str]) -> dict[str, str | list[str] | bool]:
    """Return the engine's filter for objects with all of these labels."""
    return {"label": [f"{name}={value}" for name, value in labels.items()]}


def find_fitting(containers: Mapping[str, Container], role: str, image: str) -> Container:
    """Return the container of `role`. Raises ServiceError unless it runs the current `image`."""
    container = containers.get(role)
    # A listing has an id instead of the name if the name now belongs to another image.
    if container is None or container.status != "running" or container.attrs["Image"] != image:
        raise ServiceError(f"no {role} runs from {image}")
    return container
