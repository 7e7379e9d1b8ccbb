"""Nothing but a clean world."""

from __future__ import annotations

from harness.world import World


def test_ready(world: World) -> None:
    pass
