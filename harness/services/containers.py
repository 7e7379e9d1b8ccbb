"""Containers as the harness starts them: labelled as ours, published on loopback only."""

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

# testcontainers' own reaper publishes the engine's socket on all interfaces, and would sweep the stack's network, which
# bears a label of testcontainers'. Ours (reaper.py) does not.
testcontainers_config.ryuk_disabled = True

LOOPBACK = "127.0.0.1"
TAKEN = re.compile(rf"\b({re.escape(LOOPBACK)}:\d+)\b.*already (?:allocated|in use)")
"""How the engine says that it can't publish a port."""
ATTACH_TIMEOUT = 5.0
"""Seconds that a container has to answer which another process left running."""


@dataclass(frozen=True)
class Spec:
    """One container to start. `ports` are container ports; each is published on 127.0.0.1: at the port that `fixed` has
    for it, else at a random one.

    `in_memory` is a folder in it that is kept in memory. `offline`: it has no network at all, which also saves the
    engine the work of making it one. `shares`: the id of a container whose network is also its own.
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
    """Where a service runs: engine, stack and session, and the seconds that it has to be ready.

    `network` is the name of the stack's network, `network_made` waits until there is one.
    """

    client: docker.DockerClient
    session_id: str
    stack_id: str
    timeout: float
    network: str
    network_made: Callable[[], object]

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
    """The container that `spec` describes, with `labels` and that of its role; it is not started.

    It will join `network`, which need not be there yet. `user`: who it runs as, if not the image's own. Raises
    ServiceError where the engine refuses it, EngineError where the engine is gone.
    """
    options: dict[str, Any] = {"ports": {f"{port}/tcp": (LOOPBACK, spec.fixed.get(port)) for port in spec.ports}}
    if spec.offline:
        options["network_mode"] = "none"
    elif spec.shares:
        options = {"network_mode": f"container:{spec.shares}"}
    elif network:
        aliases = EndpointConfig(client.api.api_version, aliases=list(spec.aliases))
        options |= {"network": network, "networking_config": {network: aliases}}
    with engine_errors(f"making {spec.role}"):
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
                f"{spec.role} can't be made from image {spec.image}: {error.explanation or error}"
            ) from error


def start(container: Container) -> None:
    """Starts what create() made. Raises ServiceError where the engine refuses that, EngineError where it is gone."""
    role = role_of(container)
    with engine_errors(f"starting {role}"):
        try:
            container.start()
        except APIError as error:
            if taken := TAKEN.search(str(error.explanation)):
                raise ServiceError(
                    f"{role} can't have {taken[1]}, which the settings fix, since somebody else has it: another test "
                    "run, what `--reuse` or `harness up` keeps (`harness down` ends it), or another program "
                    "(`docker ps` and `ss -ltnp` tell which); end that, or set another port"
                ) from error
            image = container.attrs["Config"]["Image"]
            raise ServiceError(f"{role} can't start from image {image}: {error.explanation or error}") from error


def started(context: StackContext, spec: Spec) -> Container:
    """A service's container, running. It is made while the network it joins is being made."""
    container = create(context.client, spec, context.labels, context.network)
    if not spec.offline:
        context.network_made()
    start(container)
    return container


def published(container: Container, port: int) -> int:
    """The host port on 127.0.0.1 behind the container's `port`. Raises ServiceError where the container has exited."""
    _check_running(container)
    bound = container.ports.get(f"{port}/tcp")
    if not bound:
        raise ServiceError(f"{role_of(container)} does not publish port {port}: is it the right image?")
    return int(bound[0]["HostPort"])


def role_of(container: Container) -> str:
    """Its role, also where it is known by a listing alone."""
    attrs = container.attrs
    labels = attrs.get("Labels") or attrs.get("Config", {}).get("Labels") or {}
    return str(labels.get(LABEL_ROLE, container.id))


def slot_of(container: Container) -> int:
    """The slot whose stack it belongs to, of a listing; what the whole session shares is in 0."""
    return int(container.attrs["Labels"].get(LABEL_STACK, "-0").rpartition("-")[2])


def _check_running(container: Container) -> None:
    role = role_of(container)
    with engine_errors(f"waiting for {role}"):
        try:
            container.reload()
        except NotFound as error:
            raise ServiceError(f"{role} ended and was removed before it answered: is it the right image?") from error
    if container.status in ("exited", "dead"):
        raise ServiceError(
            f"{role} started from {container.attrs['Config']['Image']} and exited with code "
            f"{container.attrs['State']['ExitCode']}: is it the right image? {_last_words(container)}"
        )


def _last_words(container: Container) -> str:
    return f"Its last lines: {in_one_line(tail(container, 5))}"


def await_ready(container: Container, probe: Callable[[], object], timeout: float) -> None:
    """Calls `probe` every 50 ms until it stops raising.

    A container that has exited ends the wait. Raises ServiceError with the container's last lines.
    """
    await_answer(role_of(container), probe, timeout, lambda: _check_running(container), lambda: _last_words(container))


def tail(container: Container, lines: int, stdout: bool = True) -> str:
    """The last lines that the container printed; empty where it, or the engine, is gone: a report must not fail."""
    try:
        return str(container.logs(tail=lines, stdout=stdout).decode("utf-8", "replace")).strip()
    except (DockerException, requests.RequestException, HTTPError, OSError):
        return ""


def remove(container: Container) -> None:
    """Removes the container and its anonymous volumes; one that is gone already is fine."""
    with engine_errors(f"removing {role_of(container)}"):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            pass
        except APIError as error:
            # 409: the engine is removing it at this moment, on its own or the reaper's behalf.
            if error.status_code != 409:
                raise


def labelled(client: docker.DockerClient, labels: Mapping[str, str]) -> list[Container]:
    """Every container with these labels, running or not, in one call: `reload()` gets what a listing does not say."""
    with engine_errors(f"listing {labels.get(LABEL_ROLE, 'the container')}s"):
        return list(client.containers.list(all=True, filters=with_labels(labels), sparse=True))


def with_labels(labels: Mapping[str, str]) -> dict[str, str | list[str] | bool]:
    """The engine's filter for whatever has all of these labels."""
    return {"label": [f"{name}={value}" for name, value in labels.items()]}


def fitting(containers: Mapping[str, Container], role: str, image: str) -> Container:
    """The container of that role, if it runs, and from what `image` names today. Raises ServiceError."""
    found = containers.get(role)
    # A listing gives an id where the name has moved on to another image.
    if found is None or found.status != "running" or found.attrs["Image"] != image:
        raise ServiceError(f"there is no {role} that runs from {image}")
    return found
