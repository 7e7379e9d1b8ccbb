"""The relay: socat between the DAG and the Docker engine, and the labelling proxy.

The DAG talks to `tcp://...:2375`. socat passes the bytes on to a unix socket, where the labelling proxy
(labelling_proxy.py, in its own container) adds the stack's labels to everything that the DAG creates and records each
sidecar's output and exit code before the operator can remove it. The harness removes only objects with these labels.
Containers that a DAG starts past the relay, at the engine's own socket, are listed and left alone.
"""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import requests
from docker.models.containers import Container
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from harness.engine import LABEL_ROLE, LABEL_STACK, engine_errors
from harness.errors import ServiceError
from harness.services import labelling_proxy
from harness.services.cleanup import remove_labelled
from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Spec,
    StackContext,
    await_ready,
    create_and_start,
    find_fitting,
    list_labelled,
    published_port,
    read_log_tail,
    remove,
)
from harness.services.local_http import LOCAL
from harness.services.sidecars import ContainerPastRelay, Sidecar
from harness.services.wait import POLL

PORT = 2375
ENGINE_SOCKET = "/var/run/docker.sock"
SIDECAR_ROLE = labelling_proxy.SIDECAR
RECORD_TIMEOUT = 10.0
SOCAT = ("-t", "86400")
"""Arguments that keep a connection of socat open after one side closed its half: by default for half a second, which
loses what `docker run -i` prints after the end of its input."""


@dataclass(frozen=True)
class EngineContainers:
    """Containers that were created on the engine since the last reset, oldest first."""

    sidecars: tuple[Sidecar, ...] = ()
    past_relay: tuple[ContainerPastRelay, ...] = ()


class RelayService:
    """socat on port 2375, with the labelling proxy behind it."""

    name = "relay"

    def __init__(
        self, image: str, python_image: str, context: StackContext, aliases: Sequence[str], port: int | None
    ) -> None:
        """`port` is the port on this machine; None means a free one."""
        self._image, self._python_image, self._context = image, python_image, context
        self._aliases = (self.name, *aliases)
        self._port = port
        self._containers: dict[str, Container] = {}
        self._since: float | None = None
        self._sidecar_labels = {**context.labels, LABEL_ROLE: SIDECAR_ROLE}
        self.docker_host = ""

    def start(self) -> None:
        volume = f"airflow-harness-relay-{self._context.stack_id}"
        with engine_errors("creating the relay's volume"):
            self._context.client.volumes.create(volume, labels=self._context.labels)
        # socat opens the proxy's socket for each connection, so the two can start in any order.
        specs = (
            Spec(
                role="labelling-proxy",
                image=self._python_image,
                entrypoint=("python3", "-u", "-c", inspect.getsource(labelling_proxy)),
                command=("/engine.sock", "/relay/docker.sock", json.dumps(self._sidecar_labels)),
                volumes=((engine_socket(), "/engine.sock", "rw"), (volume, "/relay", "rw")),
                offline=True,
            ),
            Spec(
                role=self.name,
                image=self._image,
                ports=(PORT,),
                fixed={PORT: self._port},
                command=(*SOCAT, f"tcp-listen:{PORT},fork,reuseaddr", "unix-connect:/relay/docker.sock"),
                aliases=self._aliases,
                volumes=((volume, "/relay", "rw"),),
            ),
        )
        with ThreadPoolExecutor() as pool:
            running = list(pool.map(partial(create_and_start, self._context), specs))
        self._connect(dict(zip([spec.role for spec in specs], running, strict=True)), self._context.timeout)

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        images = {"labelling-proxy": self._python_image, self.name: self._image}
        self._connect({role: find_fitting(containers, role, image) for role, image in images.items()}, ATTACH_TIMEOUT)
        self._remove_labelled()  # Includes those that the proxy forgot for an earlier process.
        self.reset()

    def export_state(self) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        """Remove the sidecars of earlier scenarios and their records."""
        if self.remove_sidecars():  # First, so that objects that can't be removed stay recorded.
            self._remove(self._call("POST", "forget"))  # Includes objects created in between.

    def list_containers(self) -> EngineContainers:
        """List the containers that were created since the last reset.

        Waits until the records of exited sidecars are complete, a moment after their clients see the exit. Raises
        ServiceError if they stay incomplete.
        """
        records = self._await_complete(self._call("GET", "records")["records"])
        return EngineContainers(
            sidecars=tuple(Sidecar(**_pick(Sidecar, r)) for r in records if r["ours"]),
            past_relay=tuple(ContainerPastRelay(**_pick(ContainerPastRelay, r)) for r in records if not r["ours"]),
        )

    def _await_complete(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the records once every exited sidecar is fully recorded."""

        def incomplete(records: list[dict[str, Any]]) -> bool:
            running = {r["id"]: r["exit_code"] for r in records if r["started"] and not r["ended"]}
            if any(code is not None for code in running.values()):
                return True  # It has exited, although the engine may still list it as running.
            return bool(running) and not running.keys() <= self._list_running(running)

        if not incomplete(records):
            return records

        waiting = Retrying(
            stop=stop_after_delay(RECORD_TIMEOUT), wait=wait_fixed(POLL), retry=retry_if_result(incomplete)
        )
        try:
            complete: list[dict[str, Any]] = waiting(lambda: self._call("GET", "records")["records"])
        except RetryError as error:
            raise ServiceError(
                f"a sidecar ended, but its exit code and output were not recorded within {RECORD_TIMEOUT:g} s; "
                f"the relay's log: {self.log_tail(5) or '(nothing)'}"
            ) from error
        return complete

    def remove_sidecars(self) -> bool:
        """Remove the containers, networks and volumes with the labels of the stack's sidecars.

        Returns whether the proxy has any record.
        """
        answer = self._call("GET", "records")
        self._remove(answer)
        return bool(answer["created"] or answer["records"])

    def _remove(self, answer: Mapping[str, Any]) -> None:
        if answer["created"]:  # Rare; otherwise save the calls to the engine.
            self._remove_labelled()

    def _remove_labelled(self) -> None:
        client, stack = self._context.client, {LABEL_STACK: self._context.stack_id}
        # A DAG that copies the labels may omit the role, which every service has.
        for container in list_labelled(client, stack):
            if LABEL_ROLE not in container.attrs["Labels"]:
                remove(container)
        remove_labelled(client, {**stack, LABEL_ROLE: SIDECAR_ROLE})

    def mark_log(self) -> None:
        self._since = time.time()

    def log_tail(self, lines: int) -> str:
        tails = (read_log_tail(container, lines, since=self._since) for container in self._containers.values())
        return "\n".join(filter(None, tails))

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _connect(self, containers: dict[str, Container], timeout: float) -> None:
        self._containers = containers
        self.docker_host = f"tcp://{LOOPBACK}:{published_port(containers[self.name], PORT)}"
        await_ready(containers["labelling-proxy"], lambda: None, timeout)
        await_ready(containers[self.name], self._probe, timeout)

    def _list_running(self, idents: Iterable[str]) -> set[str]:
        """Return the ids of those containers that have not exited."""
        with engine_errors("listing sidecars"):
            containers = self._context.client.containers.list(all=True, filters={"id": list(idents)}, sparse=True)
        return {str(c.id) for c in containers if c.status in ("running", "created", "restarting")}

    def _call(self, method: str, path: str) -> Any:
        """Call the labelling proxy itself and return its answer."""
        try:
            answer = LOCAL.request(method, f"{self._url()}/airflow-harness/{path}", timeout=10)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise ServiceError(
                f"the relay stopped answering ({error}); its log: {self.log_tail(5) or '(nothing)'}"
            ) from error
        return answer.json()

    def _probe(self) -> None:
        LOCAL.get(f"{self._url()}/_ping", timeout=1).raise_for_status()

    def _url(self) -> str:
        return self.docker_host.replace("tcp://", "http://")


def _pick(kind: type[Sidecar | ContainerPastRelay], record: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: record[field.name] for field in fields(kind)}


def engine_socket() -> str:
    """Return the engine's socket: from testcontainers' variable, DOCKER_HOST or the default."""
    if override := os.environ.get("TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE"):
        return override
    host = os.environ.get("DOCKER_HOST", "")
    return host.removeprefix("unix://") if host.startswith("unix://") else ENGINE_SOCKET
