"""The relay of an embedded stack, which has no engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker.models.containers import Container

from harness.services.relay import EngineContainers, RelayService


class NoRelay(RelayService):
    """A relay without sidecars, because the stack can't start any."""

    def __init__(self) -> None:
        self.docker_host = ""

    def start(self) -> None: ...

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None: ...

    def reset(self) -> None: ...

    def list_containers(self) -> EngineContainers:
        return EngineContainers()

    def remove_sidecars(self) -> bool:
        return False

    def mark_log(self) -> None: ...

    def log_tail(self, lines: int) -> str:
        return ""
