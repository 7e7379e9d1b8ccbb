"""The AWS twin: moto in a container."""

from __future__ import annotations

from collections.abc import Sequence

import requests
from docker.models.containers import Container

from harness.services.containers import LOOPBACK, Place, Spec, await_ready, published, start, tail

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
        self._container = start(spec, self._place.stack_id, self._place.network)
        self.url = f"http://{LOOPBACK}:{published(self._container, PORT)}"
        await_ready(self._container, self._probe, self._place.timeout)

    def reset(self) -> None:
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()

    def log_tail(self, lines: int) -> str:
        return tail(self._container, lines) if self._container else ""

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _probe(self) -> None:
        requests.get(f"{self.url}/moto-api/", timeout=1).raise_for_status()
