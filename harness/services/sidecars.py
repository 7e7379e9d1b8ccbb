"""A container that a DAG started, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sidecar:
    """A container that the DAG started. `exit_code` is None where it was still running, or never started.

    `past_relay`: by an engine that the DAG names itself, and proved to be this stack's (outside.py).
    """

    id: str
    name: str
    image: str
    exit_code: int | None
    output: str
    past_relay: bool = False
