"""The relay: socat between the DAG and the Docker engine, with the labeller behind it.

The DAG talks to `tcp://...:2375`, as in the chapter. socat passes the bytes on to a unix socket; there the labeller
(labeller.py, in a container of its own) puts the stack's labels on whatever the DAG creates, which is how a sidecar is
proved ours, and records each sidecar's output and exit code before the operator can remove it.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import docker
import requests
from docker.models.containers import Container
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from harness.engine import LABEL_ROLE, LABEL_STACK, engine_errors
from harness.errors import ServiceError
from harness.services import labeller
from harness.services.containers import (
    LOOPBACK,
    POLL,
    Place,
    Spec,
    await_ready,
    labelled,
    published,
    remove,
    start,
    tail,
)

PORT = 2375
ENGINE_SOCKET = "/var/run/docker.sock"
SIDECAR_ROLE = "sidecar"
RECORD_TIMEOUT = 10.0


@dataclass(frozen=True)
class Sidecar:
    """A container that the DAG started. `exit_code` is None where it was still running, or never started."""

    id: str
    name: str
    image: str
    exit_code: int | None
    output: str


class RelayService:
    """socat on 2375, labeller behind it."""

    name = "relay"

    def __init__(
        self, image: str, python_image: str, place: Place, aliases: Sequence[str], client: docker.DockerClient
    ) -> None:
        self._image, self._python_image, self._place = image, python_image, place
        self._aliases = (self.name, *aliases)
        self._client = client
        self._containers: dict[str, Container] = {}
        self._seen: set[str] = set()
        self._under_way: set[str] = set()
        self.docker_host = ""

    def start(self) -> None:
        volume = f"airflow-harness-relay-{self._place.stack_id}"
        with engine_errors("making the relay's volume"):
            self._client.volumes.create(volume, labels={LABEL_STACK: self._place.stack_id})
        labels = {LABEL_STACK: self._place.stack_id, LABEL_ROLE: SIDECAR_ROLE}
        self._containers["labeller"] = start(
            Spec(
                role="labeller",
                image=self._python_image,
                entrypoint=("python3", "-u", "-c", inspect.getsource(labeller)),
                command=("/engine.sock", "/relay/docker.sock", json.dumps(labels)),
                volumes=((engine_socket(), "/engine.sock", "rw"), (volume, "/relay", "rw")),
            ),
            self._place.stack_id,
            self._place.network,
        )
        self._containers["relay"] = start(
            Spec(
                role=self.name,
                image=self._image,
                ports=(PORT,),
                command=(f"tcp-listen:{PORT},fork,reuseaddr", "unix-connect:/relay/docker.sock"),
                aliases=self._aliases,
                volumes=((volume, "/relay", "rw"),),
            ),
            self._place.stack_id,
            self._place.network,
        )
        port = published(self._containers["relay"], PORT)
        self.docker_host = f"tcp://{LOOPBACK}:{port}"
        await_ready(self._containers["labeller"], lambda: None, self._place.timeout)
        await_ready(self._containers["relay"], self._probe, self._place.timeout)

    def reset(self) -> None:
        """No sidecar of an earlier scenario remains, on the engine or in the record."""
        self.remove_sidecars()
        self._seen.update(self._records())

    def sidecars(self) -> list[Sidecar]:
        """The sidecars that were started since the last reset, oldest first.

        A sidecar that has ended is recorded a moment after its client learns of it, so that is awaited. Raises
        ServiceError where it does not come.
        """

        def unfinished(records: dict[str, Sidecar]) -> bool:
            running = {c.id for c in self._on_engine() if c.status in ("running", "created", "restarting")}
            return any(ident not in running and ident in self._under_way for ident in records)

        waiting = Retrying(
            stop=stop_after_delay(RECORD_TIMEOUT), wait=wait_fixed(POLL), retry=retry_if_result(unfinished)
        )
        try:
            records: dict[str, Sidecar] = waiting(self._new_records)
        except RetryError as error:
            raise ServiceError(
                f"a sidecar ended, but its exit code and output did not come within {RECORD_TIMEOUT:g} s; "
                f"the relay says: {self.log_tail(5) or '(nothing)'}"
            ) from error
        return list(records.values())

    def remove_sidecars(self) -> None:
        with engine_errors("removing sidecars"):
            for container in self._on_engine():
                remove(container)

    def log_tail(self, lines: int) -> str:
        # The labeller's standard output is its records; what it complains about is on the other stream.
        said = [tail(container, lines, stdout=name == self.name) for name, container in self._containers.items()]
        return "\n".join(filter(None, said))

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _on_engine(self) -> list[Container]:
        ours = labelled(self._client, self._place.stack_id)
        return [c for c in ours if c.labels.get(LABEL_ROLE) == SIDECAR_ROLE]

    def _new_records(self) -> dict[str, Sidecar]:
        return {key: sidecar for key, sidecar in self._records().items() if key not in self._seen}

    def _records(self) -> dict[str, Sidecar]:
        with engine_errors("reading the sidecars' records"):
            printed = self._containers["labeller"].logs(stdout=True, stderr=False).decode()
        records: dict[str, Sidecar] = {}
        # What follows the last line break is a line that is being written.
        for line in printed.split("\n")[:-1]:
            record = json.loads(line)
            started, ended = record.pop("started"), record.pop("ended")
            (self._under_way.add if started and not ended else self._under_way.discard)(record["id"])
            records[record["id"]] = Sidecar(**record)
        return records

    def _probe(self) -> None:
        url = self.docker_host.replace("tcp://", "http://")
        requests.get(f"{url}/_ping", timeout=1).raise_for_status()


def engine_socket() -> str:
    """The engine's socket on the engine's own host, where testcontainers' users say so, or DOCKER_HOST has a path."""
    told = os.environ.get("TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE")
    if told:
        return told
    host = os.environ.get("DOCKER_HOST", "")
    return host.removeprefix("unix://") if host.startswith("unix://") else ENGINE_SOCKET
