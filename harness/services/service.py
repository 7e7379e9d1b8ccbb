"""The interface of services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from docker.models.containers import Container


class Service(Protocol):
    """A server that DAGs use. A stack starts it or attaches, and resets it before scenarios."""

    @property
    def name(self) -> str: ...

    def start(self) -> None:
        """Start the service; return when it answers, reset. Raises ServiceError, EngineError."""

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        """Attach to the service of an earlier process; return when it answers, reset.

        `containers` maps roles to containers, `state` is the result of export_state() then. Raises any exception if
        the service can't be reused.
        """

    def export_state(self) -> dict[str, Any]:
        """Return what attach() needs beside the containers, as JSON values."""

    def reset(self) -> None:
        """Restore the state that a scenario expects."""

    def mark_log(self) -> None:
        """Make log_tail() start at the present end of the log."""

    def log_tail(self, lines: int) -> str:
        """Return the last lines of the log that follow the mark."""

    def secrets(self) -> tuple[str, ...]:
        """Return strings that must never be shown."""
