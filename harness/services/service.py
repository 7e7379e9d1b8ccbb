"""What a service is to the rest of the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from docker.models.containers import Container


class Service(Protocol):
    """One thing a DAG talks to. Started once for a stack, or attached to; reset before every scenario."""

    @property
    def name(self) -> str: ...

    def start(self) -> None:
        """Starts it and returns when it answers its own protocol, clean. Raises ServiceError or EngineError."""

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        """Takes over what start() of an earlier process left, and returns when it answers, clean.

        `containers` by their role, `note` is what note() gave then. Raises whatever, where that does not do any more.
        """

    def note(self) -> dict[str, Any]:
        """What attach() needs beside the containers, for JSON."""

    def reset(self) -> None:
        """Brings it back to the state in which a scenario expects it."""

    def log_tail(self, lines: int) -> str:
        """The last lines it printed."""

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
