"""Containers as the harness starts them: by testcontainers, labelled as ours, published on loopback only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from urllib3.exceptions import HTTPError

from harness.engine import LABEL_FLEET, LABEL_ROLE, LABEL_STACK, engine_errors
from harness.errors import ServiceError, in_one_line
from harness.services.ready import await_answer

# testcontainers' own reaper publishes the engine's socket on all interfaces. Ours (reaper.py) does not.
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
class Place:
    """Where a service runs: the stack it belongs to and that stack's fleet, the seconds it has to be ready.

    `network` waits until the stack's network is made.
    """

    fleet_id: str
    stack_id: str
    timeout: float
    network: Callable[[], Network]

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL_FLEET: self.fleet_id, LABEL_STACK: self.stack_id}


def start(spec: Spec, labels: Mapping[str, str], network: Network | None) -> Container:
    """Starts the container that `spec` describes, with `labels` and that of its role.

    Raises ServiceError where the engine refuses it, EngineError where the engine is gone.
    """
    with engine_errors(f"starting {spec.role}"):
        wanted = DockerContainer(spec.image, env=dict(spec.env), volumes=list(spec.volumes))
        if spec.command is not None:
            wanted._command = list(spec.command)
        for port in spec.ports:
            # There is no public way to a host address; this is what docker-py makes of a tuple.
            wanted.ports[f"{port}/tcp"] = (LOOPBACK, spec.fixed.get(port))  # type: ignore[assignment]
        if network is not None and not spec.offline:
            wanted.with_network(network).with_network_aliases(*spec.aliases)
        options: dict[str, object] = {"labels": {**labels, LABEL_ROLE: spec.role}}
        if spec.entrypoint is not None:
            options["entrypoint"] = list(spec.entrypoint)
        if spec.auto_remove:
            options["auto_remove"] = True
        if spec.in_memory is not None:
            wanted.tmpfs[spec.in_memory] = ""
        if spec.offline:
            options["network_mode"] = "none"
        try:
            wanted.with_kwargs(**options).start()
        except APIError as error:
            if taken := TAKEN.search(str(error.explanation)):
                raise ServiceError(
                    f"{spec.role} can't have {taken[1]}, which the settings fix, since somebody else has it: another "
                    "test run, what `--reuse` or `harness up` keeps (`harness down` ends it), or another program "
                    "(`docker ps` and `ss -ltnp` tell which); end that, or set another port"
                ) from error
            raise ServiceError(
                f"{spec.role} can't start from image {spec.image}: {error.explanation or error}"
            ) from error
        return wanted.get_docker_client().client.containers.get(wanted.get_container_id())


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
    """The slot whose stack it belongs to, of a listing; what the whole fleet shares is in 0."""
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
