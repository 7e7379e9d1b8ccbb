"""`harness clean`: what this tool made goes, and nothing else."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.cleanup.cache import of_cache
from harness.cleanup.checkouts import of_embedded, of_gone, of_own
from harness.cleanup.images import of_images
from harness.cleanup.leftovers import Left
from harness.cleanup.runs import of_runs
from harness.engine import connect
from harness.errors import EngineError, HarnessError, ServiceError
from harness.images.catalogue import BUILT_IN
from harness.private import checkouts
from harness.services.fleet import fleets
from harness.settings import Settings
from harness.tables import counted

STAYED = 1


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "clean",
        help="remove what this tool left: what `up` and --reuse kept for this checkout, and what killed runs left",
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, only tell")
    parser.add_argument("--images", action="store_true", help="the images that it built, too")
    parser.add_argument("--cache", action="store_true", help="the cache folder's contents, too")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    settings = Settings.load(root, BUILT_IN)
    # Images and the cache belong to all checkouts.
    asked = {root, *(checkouts() if chosen.images or chosen.cache else ())}
    if busy := next((one for one in sorted(asked) if any(fleet.used() for fleet in fleets(one))), None):
        raise ServiceError(f"a test run is under way in {busy}: wait until it has ended, or end it")
    done, stayed = _removed(list(_finders(settings, chosen)), chosen.dry_run)
    if chosen.json:
        plain = [{"kind": one.kind, "name": one.name} for one in done]
        print(json.dumps({"would_remove" if chosen.dry_run else "removed": plain, "stayed": stayed}, indent=1))
        return STAYED if stayed else 0
    if chosen.dry_run:
        for one in done:
            print(f"would remove {one.kind} {one.name}")
    elif done:
        print(f"removed {counted(Counter(one.kind for one in done))}")
    for reason in stayed:
        print(f"stayed: {reason}")
    if not done and not stayed:
        print("nothing was left")
    return STAYED if stayed else 0


def _removed(finders: Sequence[Iterator[Left]], dry_run: bool) -> tuple[list[Left], list[str]]:
    """What went, or would go, and why the rest stayed. Each is looked for when what comes before it has gone."""
    done: list[Left] = []
    stayed: list[str] = []
    for finder in finders:
        try:
            for one in finder:
                try:
                    if not dry_run:
                        one.remove()
                    done.append(one)
                except (HarnessError, OSError) as error:
                    stayed.append(str(error))
        except (HarnessError, OSError) as error:
            stayed.append(str(error))
    return done, stayed


def _finders(settings: Settings, chosen: argparse.Namespace) -> Iterator[Iterator[Left]]:
    try:
        client = connect()
    except EngineError:
        if chosen.images:
            raise
        client = None
    yield of_own(settings.root, client)
    yield of_gone(settings.root, client)
    yield of_embedded()
    yield of_runs(client)
    if client and chosen.images:
        yield of_images(client, settings)
    if chosen.cache:
        yield of_cache(settings.cache_dir)
