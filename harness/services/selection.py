"""Which kind of stack a process has: containers where an engine answers, else processes; and opening it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from harness.engine import connect
from harness.errors import EngineError
from harness.progress import Progress
from harness.services.embedded.stack import embedded_stack, end_embedded
from harness.services.session import ServiceSession
from harness.services.stack import Stack, stack_in_session
from harness.settings import Settings, StackKind


def stack_kind(settings: Settings) -> StackKind:
    """What `--stack` says; for `auto` it depends on whether an engine answers now."""
    if settings.stack != "auto":
        return settings.stack
    try:
        connect().close()
    except EngineError:
        return "embedded"
    return "containers"


def open_stack(
    session: ServiceSession, settings: Settings, databases: Mapping[str, str], progress: Progress
) -> AbstractContextManager[Stack]:
    """The stack of a slot of the session, of the kind that the settings choose.

    `databases` maps the name of each Postgres database to the SQL of its schema. Raises EngineError, ImageError,
    ServiceError.
    """
    if stack_kind(settings) == "embedded":
        return embedded_stack(session, settings, databases)
    return stack_in_session(session, settings, databases, progress)


def remove_kept(root: Path) -> Counter[str]:
    """Ends what was kept for the checkout at `root`, of either kind, and says what that was.

    Raises ServiceError where a living process uses it, EngineError where there is more on an engine that is gone.
    """
    session = ServiceSession(root, None)
    with session.unused():
        ended = Counter({"embedded stack": end_embedded(session)})
        try:
            return ended + session.remove()
        except EngineError:
            if any(session.folder.glob("*.json")):
                raise
            return +ended
