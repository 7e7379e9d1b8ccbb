"""Containers that were created on the engine during a scenario, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sidecar:
    """A container that the DAG started through the relay, which gave it the stack's labels.

    `exit_code` is None if the container was still running, or never started.
    """

    id: str
    name: str
    image: str
    exit_code: int | None
    output: str


@dataclass(frozen=True)
class ContainerPastRelay:
    """A container without the harness's labels that the DAG or others created; left alone."""

    id: str
    name: str
    image: str
