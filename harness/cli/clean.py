"""`harness clean`: what this tool made goes, and nothing else."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.clean.cache import of_cache
from harness.clean.checkouts import of_checkouts, of_embedded
from harness.clean.images import of_images
from harness.clean.left import Left
from harness.clean.runs import of_runs
from harness.engine import connect
from harness.errors import EngineError, HarnessError, ServiceError
from harness.images.catalogue import BUILT_IN
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
    if any(fleet.used() for fleet in fleets(root)):
        raise ServiceError("a test run is under way in this checkout: wait until it has ended, or end it")
    done: list[Left] = []
    stayed: list[str] = []
    for one in _found(settings, chosen):
        if chosen.dry_run and not chosen.json:
            print(f"would remove {one.kind} {one.name}")
        try:
            if not chosen.dry_run:
                one.remove()
            done.append(one)
        except (HarnessError, OSError) as error:
            stayed.append(str(error))
    if chosen.json:
        told = {"removed": [] if chosen.dry_run else done, "would_remove": done if chosen.dry_run else []}
        plain = {name: [{"kind": one.kind, "name": one.name} for one in found] for name, found in told.items()}
        print(json.dumps({**plain, "stayed": stayed}, indent=1))
    elif not done and not stayed:
        print("nothing was left")
    elif done and not chosen.dry_run:
        print(f"removed {counted(Counter(one.kind for one in done))}")
    for reason in () if chosen.json else stayed:
        print(f"stayed: {reason}")
    return STAYED if stayed else 0


def _found(settings: Settings, chosen: argparse.Namespace) -> Iterator[Left]:
    try:
        client = connect()
    except EngineError:
        if chosen.images:
            raise
        client = None
    yield from of_checkouts(settings.root)
    yield from of_embedded()
    yield from of_runs(client)
    if client and chosen.images:
        yield from of_images(client, settings)
    if chosen.cache:
        yield from of_cache(settings.cache_dir)
