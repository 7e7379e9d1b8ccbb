"""`harness clean`: remove what the harness created and no longer needs."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.cleanup.cache import find_cache_files
from harness.cleanup.checkouts import find_dead_embedded_stacks, find_deleted_checkouts, find_kept
from harness.cleanup.images import find_built_images
from harness.cleanup.leftovers import Leftover
from harness.cleanup.runs import find_dead_runs
from harness.engine import connect
from harness.errors import EngineError, HarnessError, ServiceError
from harness.images.catalogue import BUILT_IN
from harness.runtime_dir import checkouts
from harness.services.session import sessions
from harness.settings import Settings
from harness.tables import counted

INCOMPLETE = 1
"""Exit code if something could not be removed."""


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "clean",
        help="remove what `up` and --reuse kept for this checkout, and what killed test runs left behind",
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would be removed, and remove nothing")
    parser.add_argument("--images", action="store_true", help="remove the images that the harness built, too")
    parser.add_argument("--cache", action="store_true", help="remove the contents of the cache folder, too")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    settings = Settings.load(root, BUILT_IN)
    # All checkouts share the images and the cache.
    affected = {root, *(checkouts() if chosen.images or chosen.cache else ())}
    if busy := next((path for path in sorted(affected) if any(session.used() for session in sessions(path))), None):
        raise ServiceError(f"a test run is in progress in {busy}: wait until it ends, or end it")
    removed, failures = _remove_all(list(_create_finders(settings, chosen)), chosen.dry_run)
    if chosen.json:
        plain = [{"kind": leftover.kind, "name": leftover.name} for leftover in removed]
        print(json.dumps({"would_remove" if chosen.dry_run else "removed": plain, "stayed": failures}, indent=1))
        return INCOMPLETE if failures else 0
    if chosen.dry_run:
        for leftover in removed:
            print(f"would remove {leftover.kind} {leftover.name}")
    elif removed:
        print(f"removed {counted(Counter(leftover.kind for leftover in removed))}")
    for reason in failures:
        print(f"not removed: {reason}")
    if not removed and not failures:
        print("nothing to remove")
    return INCOMPLETE if failures else 0


def _remove_all(finders: Sequence[Iterator[Leftover]], dry_run: bool) -> tuple[list[Leftover], list[str]]:
    """Return what was, or would be, removed, and the errors of the rest.

    A finder starts after the leftovers of the finder before it are removed.
    """
    removed: list[Leftover] = []
    failures: list[str] = []
    for finder in finders:
        try:
            for leftover in finder:
                try:
                    if not dry_run:
                        leftover.remove()
                    removed.append(leftover)
                except (HarnessError, OSError) as error:
                    failures.append(str(error))
        except (HarnessError, OSError) as error:
            failures.append(str(error))
    return removed, failures


def _create_finders(settings: Settings, chosen: argparse.Namespace) -> Iterator[Iterator[Leftover]]:
    try:
        client = connect()
    except EngineError:
        if chosen.images:
            raise
        client = None
    yield find_kept(settings.root, client)
    yield find_deleted_checkouts(settings.root, client)
    yield find_dead_embedded_stacks()
    yield find_dead_runs(client)
    if client and chosen.images:
        yield find_built_images(client, settings)
    if chosen.cache:
        yield find_cache_files(settings.cache_dir)
