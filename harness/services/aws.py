"""The AWS twin: moto in a container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from docker.models.containers import Container

from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Place,
    Spec,
    await_ready,
    fitting,
    published,
    start,
    tail,
)
from harness.services.local_http import LOCAL

PORT = 5000


class AwsService:
    """moto's server. Takes any credentials; nothing in it leaves the machine."""

    name = "aws"

    def __init__(self, image: str, place: Place, aliases: Sequence[str]) -> None:
        self._image, self._place = image, place
        self._aliases = (self.name, *aliases)
        self._container: Container | None = None
        self.url = ""

    def start(self) -> None:
        spec = Spec(role=self.name, image=self._image, ports=(PORT,), aliases=self._aliases)
        self._up(start(spec, self._place.labels, self._place.network()), self._place.timeout)

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._up(fitting(containers, self.name, self._image), ATTACH_TIMEOUT)
        self.reset()

    def note(self) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        LOCAL.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()

    def state(self) -> dict[str, Any]:  # TEMPORARY, until the aws image holds the twin
        empty: dict[str, Any] = {"training_jobs": {}, "models": {}, "endpoint_configs": {}, "endpoints": {}}
        return {"objects": {}, "sagemaker": empty, "logs": {}, "calls": []}

    def log_tail(self, lines: int) -> str:
        return tail(self._container, lines) if self._container else ""

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _up(self, container: Container, timeout: float) -> None:
        self._container = container
        self.url = f"http://{LOOPBACK}:{published(container, PORT)}"
        await_ready(container, self._probe, timeout)

    def _probe(self) -> None:
        LOCAL.get(f"{self.url}/moto-api/", timeout=1).raise_for_status()
