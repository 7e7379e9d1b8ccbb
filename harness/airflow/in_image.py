"""Run Airflow in its image with a mounted Docker socket: the guide's second way.

The socket is private to the scenario, in a volume. socat listens on it, with the engine socket's owner and mode, and
forwards to the stack's relay, so sidecars are labelled and recorded as in other runs. No Airflow container gets the
engine's own socket.
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
from harness.airflow.installers import CERTIFICATES, INDEXES
from harness.airflow.metadata import fresh_database
from harness.airflow.outcome import judge
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
HOST_VARIABLES = ("PATH", "PYTHONPATH", "HOME", "TMPDIR", "AIRFLOW_HOME", "DOCKER_HOST", *CERTIFICATES, *INDEXES)
"""Variables of a run on this machine that don't apply in the image."""
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
class ImageRun:
    """The result of a run in the image; `failure` is None if the run succeeded."""

    exit_code: int | None
    log: str
    seconds: float
    snapshot: MetadataSnapshot
    failure: str | None
    socket_before: FileOwner
    socket_after: FileOwner


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
) -> ImageRun:
    """Run `airflow dags test DAG DATE` in the image, as the owner of the mounted socket.

    `files` maps relative paths in the dags folder to contents. `connections` and `environment` may name the services by
    their addresses on this machine. DOCKER_HOST is not set, so the DAG uses the socket. `shares` is the id of a
    container whose network the run uses. Raises ServiceError, ImageError, EngineError, and RunError as run_dag() does.
    """
    stack.images.obtain_named(
        (*environment.values(), *(content.decode(errors="replace") for content in files.values()))
    )
    image = resolve_image(connect(), settings, IMAGE)
    airflow = find_environment(settings.airflow_python)
    with _forward_socket(stack) as (volume, container), _create_database(airflow, stack, image) as (url, migrated):
        test = ["airflow", "dags", "test", dag_id, date]
        command = test if migrated else ["sh", "-c", 'airflow db migrate && exec "$@"', "sh", *test]
        spec = Spec(
            role=IMAGE,
            image=image.reference,
            entrypoint=(ENTRYPOINT,),
            command=command,
            env=_build_env(airflow, stack, url, connections, {"AWS_DEFAULT_REGION": settings.region, **environment}),
            volumes=((volume, SHARED, "rw"),),
            shares=shares,
        )
        copied = {f"{DAGS}/{name}": content for name, content in files.items()}
        before = _read_socket_owner(container)
        result = run_container(
            stack, spec, timeout=timeout, files={**copied, ENTRYPOINT: HAND_OVER.encode()}, user="root"
        )
        after = _read_socket_owner(container)
        snapshot = read_snapshot(url, dag_id, result.output)
        failure = judge(ProcessResult(result.exit_code, result.output, result.seconds), snapshot, timeout)
    return ImageRun(result.exit_code, result.output, result.seconds, snapshot, failure, before, after)


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


def read_dag_files(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read the sources of these packages of the dags folder, by path relative to `folder`."""
    files = (file for name in names for file in sorted((folder / name).rglob("*.py")))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def map_addresses(stack: Stack) -> dict[str, str]:
    """Map host:port of each service on this machine to host:port on the stack's network."""
    return {
        urlsplit(stack.minio.endpoint.url).netloc: stack.minio.endpoint.internal,
        urlsplit(stack.aws.url).netloc: f"{stack.aws.name}:{aws.PORT}",
        urlsplit(stack.relay.docker_host).netloc: f"{stack.relay.name}:{relay.PORT}",
        **{
            urlsplit(url).netloc.rpartition("@")[2]: f"{stack.postgres.name}:{postgres_server.PORT}"
            for url in (stack.postgres.url("postgres"), stack.postgres.direct_url("postgres"))
        },
    }


def replace_addresses(value: str, addresses: Mapping[str, str]) -> str:
    """Replace every address in `value`, also where it is percent-encoded."""
    for outside, inside in addresses.items():
        value = value.replace(outside, inside).replace(quote(outside, safe=""), quote(inside, safe=""))
    return value


def _build_env(
    airflow: AirflowEnvironment,
    stack: Stack,
    metadata_url: str,
    connections: Mapping[str, str],
    extra: Mapping[str, str],
) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as home:
        env = run_environment(airflow.python, Path(home), Path(DAGS), metadata_url, connections, extra)
    addresses = map_addresses(stack)
    return {name: replace_addresses(value, addresses) for name, value in env.items() if name not in HOST_VARIABLES}


@contextmanager
def _create_database(airflow: AirflowEnvironment, stack: Stack, image: ResolvedImage) -> Iterator[tuple[str, bool]]:
    """Yield a database's libpq URL; True if it is migrated, because the image has `airflow`."""
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
        with running_container(
            stack, spec, probe=lambda c: _read_socket_owner(c.container), timeout=SHORT
        ) as forwarder:
            yield str(volume.name), forwarder.container
    finally:
        with engine_errors("removing a volume"):
            volume.remove(force=True)


def _read_socket_owner(container: Container) -> FileOwner:
    result = container.exec_run(["stat", "-c", "%u %g %a", SOCKET])
    output = cast(bytes, result.output).decode()
    if result.exit_code != 0:
        raise OSError(output.strip())
    return _parse_owner(output)


def _parse_owner(line: str) -> FileOwner:
    uid, gid, mode = line.split()
    return FileOwner(int(uid), int(gid), mode)
