"""`harness down`: what was kept goes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.airflow.runners.warm import end_hosts, hosts_folder
from harness.services.selection import remove_kept
from harness.tables import counted


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "down", help="remove the services that --reuse kept for this checkout, and end its warm hosts"
    )
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    hosts = end_hosts(hosts_folder(root))  # first: they need no engine
    removed = remove_kept(root)
    removed["warm host"] = hosts
    told = counted(removed)
    print(f"removed {told}" if told else "nothing was kept")
    return 0
