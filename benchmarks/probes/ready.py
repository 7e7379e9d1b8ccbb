"""A test that only needs a clean world."""

from __future__ import annotations

from harness.world import World


def test_ready(world: World) -> None:
    pass
