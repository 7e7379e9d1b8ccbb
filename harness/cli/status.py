"""`harness status`: what is kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.services.kept import in_use, kept_services

NOT_UP = 1


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("status", help="what is kept for this checkout; 1 if not all of it answers")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    services = kept_services(root)
    used = in_use(root)
    if chosen.json:
        print(json.dumps({"in_use": used, "services": [asdict(one) for one in services]}, indent=1))
    elif not services:
        print("nothing is kept: `harness up` starts the services and keeps them")
    for one in () if chosen.json else services:
        where = f" on 127.0.0.1:{one.port}" if one.port else ""
        print(f"{one.name} ({one.kind}, slot {one.slot}): {'answers' if one.answers else 'DOES NOT ANSWER'}{where}")
    if used and not chosen.json:
        print("a test run is using it")
    return 0 if services and all(one.answers for one in services) else NOT_UP
