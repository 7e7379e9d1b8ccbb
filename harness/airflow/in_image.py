"""A run of Airflow in its own image, with the engine's socket mounted and handed to its user: the guide's other way.

The socket is one of the scenario's own, in a volume: socat listens on it, owned as the engine's socket is, and passes
on to the stack's relay, so sidecars are labelled and recorded as always. The engine's socket itself goes into no
Airflow container.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit

from docker.models.containers import Container

from harness.airflow.environments import AirflowEnvironment, find_environment
from harness.airflow.metadata import fresh_database
from harness.airflow.outcome import failure_of
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import ProcessResult
from harness.airflow.snapshot import MetadataSnapshot, read_snapshot
from harness.engine import connect, engine_errors
from harness.errors import ServiceError
from harness.images.resolve import ResolvedImage, resolve_image
from harness.services import aws, postgres_server, relay
from harness.services.containers import Spec
from harness.services.extra import extra_labels, run_container, running_container
from harness.services.stack import Stack
from harness.settings import Settings

IMAGE = "airflow"
DAGS = "/opt/airflow/dags"
SHARED = "/shared-socket"
SOCKET = f"{SHARED}/docker.sock"
USUAL = "/var/run/docker.sock"
ENTRYPOINT = "/hand-over-socket"
HAND_OVER = f"""\
#!/bin/sh
# As root: the socket becomes the airflow user's, and everything else is done as that user.
set -eu
ln -s {SOCKET} {USUAL}
chown airflow {USUAL}
exec setpriv --reuid=airflow --regid=0 --init-groups env HOME=/home/airflow "$@"
"""
OURS_ALONE = ("PATH", "HOME", "TMPDIR", "AIRFLOW_HOME", "DOCKER_HOST")
"""Variables of a run on this machine that mean nothing, or another thing, in the image."""
SHORT = 30.0
"""Seconds for what should take less than one."""


@dataclass(frozen=True)
class Owned:
    """Whose a file is, by number, and its mode in octal."""

    uid: int
    gid: int
    mode: str

    def __str__(self) -> str:
        return f"owner {self.uid}, group {self.gid}, mode {self.mode}"


@dataclass(frozen=True)
class InImage:
    """What a run in the image came to. `failure`: None for one that did its work. `socket_...`: of the mounted one."""

    exit_code: int | None
    log: str
    seconds: float
    recorded: MetadataSnapshot
    failure: str | None
    socket_before: Owned
    socket_after: Owned


def run_in_image(
    stack: Stack,
    settings: Settings,
    dag_id: str,
    date: str,
    *,
    files: Mapping[str, bytes],
    connections: Mapping[str, str],
    environment: Mapping[str, str],
    timeout: float,
    shares: str | None = None,
) -> InImage:
    """`airflow dags test DAG DATE` in the image, as the airflow user, by the socket that was handed to it.

    `files` are those of the dags folder, by relative path. `connections` and `environment` may name the services by
    their addresses on this machine. DOCKER_HOST is left out of it, so that the DAG looks for the socket. `shares`: the
    id of a container whose network the run uses. Raises ServiceError, ImageError, EngineError, and RunError as
    run_dag() does.
    """
    image = resolve_image(connect(), settings, IMAGE)
    airflow = find_environment(settings.airflow_python)
    with _socket(stack) as (volume, container), _metadata(airflow, stack, image) as (url, migrated):
        test = ["airflow", "dags", "test", dag_id, date]
        command = test if migrated else ["sh", "-c", 'airflow db migrate && exec "$@"', "sh", *test]
        spec = Spec(
            role=IMAGE,
            image=image.reference,
            entrypoint=(ENTRYPOINT,),
            command=command,
            env=_environment(airflow, stack, url, connections, {"AWS_DEFAULT_REGION": settings.region, **environment}),
            volumes=((volume, SHARED, "rw"),),
            shares=shares,
        )
        placed = {f"{DAGS}/{name}": content for name, content in files.items()}
        before = _owned_in(container)
        ended = run_container(
            stack, spec, timeout=timeout, files={**placed, ENTRYPOINT: HAND_OVER.encode()}, user="root"
        )
        after = _owned_in(container)
        recorded = read_snapshot(url, dag_id, ended.output)
        failure = failure_of(ProcessResult(ended.exit_code, ended.output, ended.seconds), recorded, timeout)
    return InImage(ended.exit_code, ended.output, ended.seconds, recorded, failure, before, after)


def engine_socket_owned(stack: Stack) -> Owned:
    """Whose the engine's own socket is, on the engine's host. Looked at from a container that can do nothing else."""
    spec = Spec(
        role="socket-owner",
        image=stack.images["relay"].reference,
        entrypoint=("stat", "-c", "%u %g %a"),
        command=("/engine.sock",),
        volumes=((relay.engine_socket(), "/engine.sock", "ro"),),
        offline=True,
    )
    ended = run_container(stack, spec, timeout=SHORT)
    if ended.exit_code != 0:
        raise ServiceError(f"the engine's socket can't be looked at: {ended.output or ended.exit_code}")
    return _owned(ended.output)


def dag_files(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The sources of these packages of the dags folder, by path relative to it."""
    found = (file for name in names for file in sorted((folder / name).rglob("*.py")))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def addresses(stack: Stack) -> dict[str, str]:
    """host:port of each service on this machine -> host:port on the stack's network."""
    return {
        urlsplit(stack.minio.endpoint.url).netloc: stack.minio.endpoint.internal,
        urlsplit(stack.aws.url).netloc: f"{stack.aws.name}:{aws.PORT}",
        urlsplit(stack.relay.docker_host).netloc: f"{stack.relay.name}:{relay.PORT}",
        **{
            urlsplit(url).netloc.rpartition("@")[2]: f"{stack.postgres.name}:{postgres_server.PORT}"
            for url in (stack.postgres.url("postgres"), stack.postgres.direct_url("postgres"))
        },
    }


def from_inside(value: str, known: Mapping[str, str]) -> str:
    """`value` with every address of `known` replaced, as it stands or as part of a URL's query."""
    for outside, inside in known.items():
        value = value.replace(outside, inside).replace(quote(outside, safe=""), quote(inside, safe=""))
    return value


def _environment(
    airflow: AirflowEnvironment,
    stack: Stack,
    metadata_url: str,
    connections: Mapping[str, str],
    extra: Mapping[str, str],
) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as home:
        there = run_environment(airflow.python, Path(home), Path(DAGS), metadata_url, connections, extra)
    known = addresses(stack)
    return {name: from_inside(value, known) for name, value in there.items() if name not in OURS_ALONE}


@contextmanager
def _metadata(airflow: AirflowEnvironment, stack: Stack, image: ResolvedImage) -> Iterator[tuple[str, bool]]:
    """libpq URL of a database for the run, and whether it is migrated: if the image has this machine's Airflow."""
    if airflow.airflow_version == image.version.partition("-")[0]:
        with fresh_database(airflow, stack.postgres) as url:
            yield url, True
        return
    name = stack.postgres.scratch_name()
    stack.postgres.create(name)
    try:
        yield stack.postgres.direct_url(name), False
    finally:
        stack.postgres.drop(name)


@contextmanager
def _socket(stack: Stack) -> Iterator[tuple[str, Container]]:
    """The volume with a socket that leads to the relay, owned as the engine's own, and the container that listens."""
    like = engine_socket_owned(stack)
    client = connect()
    with engine_errors("making a volume"):
        volume = client.volumes.create(
            f"airflow-harness-socket-{stack.stack_id}-{secrets.token_hex(4)}", labels=extra_labels(stack)
        )
    spec = Spec(
        role="second-socket",
        image=stack.images["relay"].reference,
        command=(
            f"unix-listen:{SOCKET},fork,user={like.uid},group={like.gid},mode=0{like.mode}",
            f"tcp:{stack.relay.name}:{relay.PORT}",
        ),
        volumes=((str(volume.name), SHARED, "rw"),),
    )
    try:
        with running_container(stack, spec, probe=lambda beside: _owned_in(beside.container), timeout=SHORT) as beside:
            yield str(volume.name), beside.container
    finally:
        with engine_errors("removing a volume"):
            volume.remove(force=True)


def _owned_in(container: Container) -> Owned:
    done = container.exec_run(["stat", "-c", "%u %g %a", SOCKET])
    output = cast(bytes, done.output).decode()
    if done.exit_code != 0:
        raise OSError(output.strip())
    return _owned(output)


def _owned(line: str) -> Owned:
    uid, gid, mode = line.split()
    return Owned(int(uid), int(gid), mode)
