"""`harness logs [SERVICE]`: show the output of the kept services."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli.service_logs import read_logs
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("logs", help="show the last lines of the kept services")
    service = "minio, postgres, aws, relay or labelling-proxy (default: all)"
    parser.add_argument("service", metavar="SERVICE", nargs="?", help=service)
    parser.add_argument("-n", "--tail", metavar="N", type=_number, default=100, help="lines per service (default: 100)")
    parser.add_argument("-f", "--follow", action="store_true", help="show new lines until the services end, or Ctrl-C")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    settings = Settings.load(root, BUILT_IN)
    public = {settings.minio_password or "", *settings.postgres_passwords.values()}
    for line in read_logs(root, chosen.service, chosen.tail, chosen.follow, public):
        print(line, flush=chosen.follow)
    return 0


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines: write 1 or more")
    return int(text)
