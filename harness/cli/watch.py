"""`harness watch`: on every save, run the scenarios that it affects."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import WatchError
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "watch",
        usage="harness watch [--dags-folder PATH] [pytest arguments]",
        help="run a DAG's scenarios again on every save, until Ctrl-C; accepts pytest's arguments too",
        allow_abbrev=False,
    )
    parser.add_argument("--dags-folder", metavar="PATH", help="folder of the DAGs under test")
    parser.set_defaults(run=run, takes_others=True)


def run(root: Path, chosen: argparse.Namespace) -> int:
    if find_spec("watchfiles") is None:
        raise WatchError("harness watch needs watchfiles: pip install 'airflow-scenario-harness[watch]'")
    # Other commands don't need pytest, which takes long to import.
    from harness.watch.loop import watch

    settings = Settings.load(root, BUILT_IN, {"dags_folder": chosen.dags_folder})
    watch(settings, [*chosen.others, "--harness-dags-folder", str(settings.dags_folder)])
    return 0
