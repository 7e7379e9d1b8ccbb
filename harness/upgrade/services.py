"""Services that the sides of an upgrade check share: a session for each set of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from harness.services.selection import own_session
from harness.services.session import ServiceSession
from harness.upgrade.sides import Side


@contextmanager
def share_services(root: Path) -> Iterator[Callable[[Side], ServiceSession]]:
    """Yield a function that returns the session of a side.

    Sides with the same images have the same session. After the block all their services are removed.
    """
    with ExitStack() as sessions:

        @cache
        def open_session(images: tuple[tuple[str, str], ...]) -> ServiceSession:
            return sessions.enter_context(own_session(root))

        yield lambda side: open_session(tuple(sorted(side.images.items())))
