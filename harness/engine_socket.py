"""Run a DAG in Airflow's image with a mounted Docker socket: the guide's second way.

The socket is private to the scenario, in a volume. socat listens on it, with the engine socket's owner and mode, and
forwards to the stack's relay, so sidecars are labelled and recorded as in other runs. No Airflow container gets the
engine's own socket.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from docker.models.containers import Container

from harness.airflow.find import describe_image
from harness.airflow.metadata import ensure_template
from harness.airflow.runners.image import create_runner
from harness.engine import connect, engine_errors
from harness.errors import ServiceError
from harness.services import relay
from harness.services.containers import Spec
from harness.services.extra import extra_labels, run_container, running_container
from harness.services.stack import Stack
from harness.world import World

SHARED = "/shared-socket"
SOCKET = f"{SHARED}/docker.sock"
DEFAULT_SOCKET = "/var/run/docker.sock"
ENTRYPOINT = "/hand-over-socket"
HAND_OVER = f"""\
#!/bin/sh
# As root, give the socket to the airflow user, then run the command as that user.
set -eu
ln -s {SOCKET} {DEFAULT_SOCKET}
chown airflow {DEFAULT_SOCKET}
exec setpriv --reuid=airflow --regid=0 --init-groups env HOME=/home/airflow "$@"
"""
SHORT = 30.0
"""Seconds for calls that usually take less than one second."""


@dataclass(frozen=True)
class FileOwner:
    """A file's numeric owner and group, and its mode in octal."""

    uid: int
    gid: int
    mode: str

    def __str__(self) -> str:
        return f"owner {self.uid}, group {self.gid}, mode {self.mode}"


@dataclass(frozen=True)
class MountedSocket:
    """A socket that the runs of `world` have at the default place, in Airflow's image."""

    world: World
    forwarder: Container

    def read_owner(self) -> FileOwner:
        """Return the present owner of the socket; a run gives it to the airflow user."""
        return _read_owner(self.forwarder)


@contextmanager
def mounted_socket(world: World, shares: str | None = None) -> Iterator[MountedSocket]:
    """Yield a socket whose world runs DAGs in Airflow's image, as the owner of the socket.

    DOCKER_HOST is not set in these runs, so a DAG uses the socket. `shares` is the id of a container whose network the
    runs use. Raises ServiceError, ImageError, EngineError.
    """
    stack = world.stack
    airflow = describe_image(world.settings, extra_labels(stack))
    runner = create_runner(str(airflow.image), world.settings.root, {}, stack)
    ensure_template(
        airflow, stack.postgres, world.settings.cache_dir, world.folder / "migration-in-image", runner.execute
    )
    with _forward_socket(stack) as (volume, forwarder):
        spec = replace(runner.spec, entrypoint=(ENTRYPOINT,), volumes=((volume, SHARED, "rw"),), shares=shares)
        as_owner = replace(runner, spec=spec, files={ENTRYPOINT: HAND_OVER.encode()}, user="root")
        environment = {name: value for name, value in world.environment.items() if name != "DOCKER_HOST"}
        yield MountedSocket(
            replace(world, airflow=airflow, execute=as_owner.execute, environment=environment), forwarder
        )


def get_engine_socket_owner(stack: Stack) -> FileOwner:
    """Return the owner of the engine's socket, read in an offline container."""
    spec = Spec(
        role="socket-owner",
        image=stack.images["relay"].reference,
        entrypoint=("stat", "-c", "%u %g %a"),
        command=("/engine.sock",),
        volumes=((relay.engine_socket(), "/engine.sock", "ro"),),
        offline=True,
    )
    result = run_container(stack, spec, timeout=SHORT)
    if result.exit_code != 0:
        raise ServiceError(f"the owner of the engine's socket can't be read: {result.output or result.exit_code}")
    return _parse_owner(result.output)


@contextmanager
def _forward_socket(stack: Stack) -> Iterator[tuple[str, Container]]:
    """Yield the volume with a socket that leads to the relay, and the listening container."""
    owner = get_engine_socket_owner(stack)
    client = connect()
    with engine_errors("creating a volume"):
        volume = client.volumes.create(
            f"airflow-harness-socket-{stack.stack_id}-{secrets.token_hex(4)}", labels=extra_labels(stack)
        )
    spec = Spec(
        role="second-socket",
        image=stack.images["relay"].reference,
        command=(
            *relay.SOCAT,
            f"unix-listen:{SOCKET},fork,user={owner.uid},group={owner.gid},mode=0{owner.mode}",
            f"tcp:{stack.relay.name}:{relay.PORT}",
        ),
        volumes=((str(volume.name), SHARED, "rw"),),
    )
    try:
        with running_container(stack, spec, probe=lambda c: _read_owner(c.container), timeout=SHORT) as forwarder:
            yield str(volume.name), forwarder.container
    finally:
        with engine_errors("removing a volume"):
            volume.remove(force=True)


def _read_owner(container: Container) -> FileOwner:
    result = container.exec_run(["stat", "-c", "%u %g %a", SOCKET])
    output = cast(bytes, result.output).decode()
    if result.exit_code != 0:
        raise OSError(output.strip())
    return _parse_owner(output)


def _parse_owner(line: str) -> FileOwner:
    uid, gid, mode = line.split()
    return FileOwner(int(uid), int(gid), mode)
