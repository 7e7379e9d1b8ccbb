"""The relay: socat between the DAG and the Docker engine, with the labeller behind it.

The DAG talks to `tcp://...:2375`, as in the chapter. socat passes the bytes on to a unix socket; there the labeller
(labeller.py, in a container of its own) puts the stack's labels on whatever the DAG creates, and records each sidecar's
output and exit code before the operator can remove it. The labels alone prove that something is the stack's, and only
what carries them is removed. What a DAG starts past the relay, at the engine's own socket, is listed and left alone.
"""

from __future__ import annotations

import inspect
import json
import os
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
    fitting,
    labelled,
    published,
    remove,
    started,
    tail,
)
from harness.services.local_http import LOCAL
from harness.services.sidecars import ContainerPastRelay, Sidecar
from harness.services.wait import POLL

PORT = 2375
ENGINE_SOCKET = "/var/run/docker.sock"
SIDECAR_ROLE = labelling_proxy.SIDECAR
RECORD_TIMEOUT = 10.0


@dataclass(frozen=True)
class Seen:
    """What was made on the engine since the last reset, oldest first."""

    sidecars: tuple[Sidecar, ...] = ()
    past_relay: tuple[ContainerPastRelay, ...] = ()


class RelayService:
    """socat on 2375, labeller behind it."""

    name = "relay"

    def __init__(
        self,
        image: str,
        python_image: str,
        context: StackContext,
        aliases: Sequence[str],
        port: int | None,
    ) -> None:
        """`port` on this machine; None: a free one."""
        self._image, self._python_image, self._context = image, python_image, context
        self._aliases = (self.name, *aliases)
        self._port = port
        self._containers: dict[str, Container] = {}
        self._sidecar_labels = {**context.labels, LABEL_ROLE: SIDECAR_ROLE}
        self.docker_host = ""

    def start(self) -> None:
        volume = f"airflow-harness-relay-{self._context.stack_id}"
        with engine_errors("making the relay's volume"):
            self._context.client.volumes.create(volume, labels=self._context.labels)
        # socat looks for the labeller's socket when somebody connects, so neither has to be first.
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
                command=(f"tcp-listen:{PORT},fork,reuseaddr", "unix-connect:/relay/docker.sock"),
                aliases=self._aliases,
                volumes=((volume, "/relay", "rw"),),
            ),
        )
        with ThreadPoolExecutor() as pool:
            running = list(pool.map(partial(started, self._context), specs))
        self._up({spec.role: container for spec, container in zip(specs, running, strict=True)}, self._context.timeout)

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        images = {"labelling-proxy": self._python_image, self.name: self._image}
        self._up({role: fitting(containers, role, image) for role, image in images.items()}, ATTACH_TIMEOUT)
        self._remove_labelled()  # also what an earlier process made the labeller forget, and did not remove
        self.reset()

    def note(self) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        """No sidecar of an earlier scenario remains, on the engine or in the record."""
        if self.remove_sidecars():  # first: what can't be removed is not forgotten
            self._remove(self._ask("POST", "forget"))  # what came in between

    def seen(self) -> Seen:
        """List what was made since the last reset; nothing changes by it.

        The record of a sidecar is complete a moment after its client learns that it ended: this waits for that. Raises
        ServiceError if the record does not come.
        """
        records = self._finished(self._ask("GET", "records")["records"])
        return Seen(
            sidecars=tuple(Sidecar(**_picked(Sidecar, r)) for r in records if r["ours"]),
            past_relay=tuple(ContainerPastRelay(**_picked(ContainerPastRelay, r)) for r in records if not r["ours"]),
        )

    def _finished(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records, when those of the sidecars that have ended are complete."""

        def unfinished(records: list[dict[str, Any]]) -> bool:
            under_way = {r["id"]: r["exit_code"] for r in records if r["started"] and not r["ended"]}
            if any(code is not None for code in under_way.values()):
                return True  # the engine told of its end already, and may still list it as running
            return bool(under_way) and not under_way.keys() <= self._running(under_way)

        if not unfinished(records):
            return records

        waiting = Retrying(
            stop=stop_after_delay(RECORD_TIMEOUT), wait=wait_fixed(POLL), retry=retry_if_result(unfinished)
        )
        try:
            found: list[dict[str, Any]] = waiting(lambda: self._ask("GET", "records")["records"])
        except RetryError as error:
            raise ServiceError(
                f"a sidecar ended, but its exit code and output did not come within {RECORD_TIMEOUT:g} s; "
                f"the relay says: {self.log_tail(5) or '(nothing)'}"
            ) from error
        return found

    def remove_sidecars(self) -> bool:
        """Remove what carries the labels of the stack's sidecars: containers, networks and volumes.

        Returns whether the labeller has any record.
        """
        told = self._ask("GET", "records")
        self._remove(told)
        return bool(told["made"] or told["records"])

    def _remove(self, told: Mapping[str, Any]) -> None:
        if told["made"]:  # which is seldom; else the engine is not asked
            self._remove_labelled()

    def _remove_labelled(self) -> None:
        client, stack = self._context.client, {LABEL_STACK: self._context.stack_id}
        # A DAG that copies our labels may leave out the role, which every service has.
        for container in labelled(client, stack):
            if LABEL_ROLE not in container.attrs["Labels"]:
                remove(container)
        remove_labelled(client, {**stack, LABEL_ROLE: SIDECAR_ROLE})

    def log_tail(self, lines: int) -> str:
        return "\n".join(filter(None, (tail(container, lines) for container in self._containers.values())))

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _up(self, containers: dict[str, Container], timeout: float) -> None:
        self._containers = containers
        self.docker_host = f"tcp://{LOOPBACK}:{published(containers[self.name], PORT)}"
        await_ready(containers["labelling-proxy"], lambda: None, timeout)
        await_ready(containers[self.name], self._probe, timeout)

    def _running(self, idents: Iterable[str]) -> set[str]:
        """Those of the containers that have not ended."""
        with engine_errors("listing sidecars"):
            found = self._context.client.containers.list(all=True, filters={"id": list(idents)}, sparse=True)
        return {str(c.id) for c in found if c.status in ("running", "created", "restarting")}

    def _ask(self, method: str, what: str) -> Any:
        """One of the labeller's own calls."""
        try:
            answer = LOCAL.request(method, f"{self._url()}/airflow-harness/{what}", timeout=10)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise ServiceError(
                f"the relay does not answer any more ({error}); it says: {self.log_tail(5) or '(nothing)'}"
            ) from error
        return answer.json()

    def _probe(self) -> None:
        LOCAL.get(f"{self._url()}/_ping", timeout=1).raise_for_status()

    def _url(self) -> str:
        return self.docker_host.replace("tcp://", "http://")


def _picked(kind: type[Sidecar | ContainerPastRelay], record: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: record[field.name] for field in fields(kind)}


def engine_socket() -> str:
    """The engine's socket on the engine's own host, where testcontainers' users say so, or DOCKER_HOST has a path."""
    told = os.environ.get("TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE")
    if told:
        return told
    host = os.environ.get("DOCKER_HOST", "")
    return host.removeprefix("unix://") if host.startswith("unix://") else ENGINE_SOCKET
