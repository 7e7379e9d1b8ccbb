"""What a service is to the rest of the harness."""

from __future__ import annotations

from typing import Protocol


class Service(Protocol):
    """One thing a DAG talks to. Started once for a stack, reset before every scenario."""

    @property
    def name(self) -> str: ...

    def start(self) -> None:
        """Starts it and returns when it answers its own protocol. Raises ServiceError or EngineError."""

    def reset(self) -> None:
        """Brings it back to the state in which a scenario expects it."""

    def log_tail(self, lines: int) -> str:
        """The last lines it printed."""

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
