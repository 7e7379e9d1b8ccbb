"""Choose, open and remove stacks: containers if an engine answers, else processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from harness.engine import connect
from harness.errors import EngineError
from harness.progress import Progress
from harness.services.embedded.stack import embedded_stack, end_embedded_stacks
from harness.services.session import ServiceSession, new_run
from harness.services.stack import Stack, stack_in_session
from harness.settings import Settings, StackKind


def stack_kind(settings: Settings) -> StackKind:
    """Return the setting `stack`, where `auto` is containers if an engine answers now."""
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
    """Return a context manager of the session's stack, of the kind that the settings choose.

    `databases` maps the name of each Postgres database to the SQL of its schema. Raises EngineError, ImageError,
    ServiceError.
    """
    if stack_kind(settings) == "embedded":
        return embedded_stack(session, settings, databases)
    return stack_in_session(session, settings, databases, progress)


@contextmanager
def own_session(root: Path) -> Iterator[ServiceSession]:
    """Yield a session of the checkout at `root` that other processes borrow in turn.

    Its services stay between them. They are removed after the block, or when this process dies: the owner's lock ends
    embedded stacks, and the owner's connection to the reaper (join_reaper(), once a borrower started it) containers.
    """
    session = ServiceSession(root, new_run())
    orderly = False
    with session.lock(session.owner_file.stem):
        try:
            yield session
            orderly = True
        finally:
            end_embedded_stacks(session)
            session.end(orderly)


def remove_kept(root: Path) -> Counter[str]:
    """Remove the kept services of the checkout at `root`, and return what was removed.

    Raises ServiceError if a live process uses them, EngineError if some are on an engine that is gone.
    """
    session = ServiceSession(root, None)
    with session.lock_unused():
        ended = Counter({"embedded stack": end_embedded_stacks(session)})
        try:
            return ended + session.remove()
        except EngineError:
            if any(session.folder.glob("*.json")):
                raise
            return +ended
