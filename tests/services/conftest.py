"""Run every test here beside canaries on the engine."""

from __future__ import annotations

from tests.canaries import canaries_survive

__all__ = ["canaries_survive"]
