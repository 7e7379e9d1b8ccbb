"""`harness down`: remove the kept services."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.airflow.runners.warm import end_hosts
from harness.runtime_dir import hosts_folder
from harness.services.selection import remove_kept
from harness.tables import format_counts


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "down", help="remove the services that `up` and --reuse kept for this checkout, and end its warm hosts"
    )
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    hosts = end_hosts(hosts_folder(root))  # first, because ending them needs no engine
    removed = remove_kept(root)
    removed["warm host"] = hosts
    counts = format_counts(removed)
    print(f"removed {counts}" if counts else "nothing to remove")
    return 0
