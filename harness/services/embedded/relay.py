"""In place of the relay, where there is no engine to relay to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker.models.containers import Container

from harness.services.relay import RelayService, Seen


class NoRelay(RelayService):
    """Nobody can start a sidecar, so there is none."""

    def __init__(self) -> None:
        self.docker_host = ""

    def start(self) -> None: ...

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None: ...

    def reset(self) -> None: ...

    def seen(self) -> Seen:
        return Seen()

    def remove_sidecars(self) -> bool:
        return False

    def log_tail(self, lines: int) -> str:
        return ""
