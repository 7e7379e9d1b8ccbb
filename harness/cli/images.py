"""`harness images`: list the images, and pull or build them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.engine import connect
from harness.images import listing
from harness.images.catalogue import BUILT_IN
from harness.progress import shown
from harness.services.selection import stack_kind
from harness.settings import Settings


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("images", help="list the images that scenarios need, or pull and build them")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--get", nargs="*", metavar="NAME", help="pull or build these images (default: all), then list")
    which.add_argument(
        "--for-stack",
        action="store_true",
        help="pull or build the images of the stack, then list; an embedded stack has none",
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.add_argument("--image-mode", metavar="MODE", help="auto (default), pull or build")
    for name in image_names:
        parser.add_argument(f"--{name}-image", metavar="REF", help=f"reference of {name}, or build:RELEASE")
    parser.set_defaults(run=run, image_names=image_names)


def run(root: Path, chosen: argparse.Namespace) -> int:
    keys = ("image_mode", *(f"{name}_image" for name in chosen.image_names))
    # argparse turns the dashes of an option into underscores, and an image's name may contain dashes.
    settings = Settings.load(root, BUILT_IN, {key: getattr(chosen, key.replace("-", "_")) for key in keys})
    if chosen.for_stack and stack_kind(settings) == "embedded":
        print("the stack is embedded and needs no images")
        return 0
    client = connect()
    if chosen.for_stack:
        chosen.get = []
    if chosen.get is not None:
        with shown() as progress:
            listing.resolve_images(client, settings, chosen.get, progress)
    listing.print_images(listing.list_images(client, settings), chosen.json)
    return 0
