"""`harness logs SERVICE`: what a kept service printed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli.service_logs import kept_log
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("logs", help="the last lines of a kept service")
    parser.add_argument("service", metavar="SERVICE", help="minio, postgres, aws, relay or labelling-proxy")
    parser.add_argument("--tail", metavar="N", type=_number, default=100, help="how many lines (default: 100)")
    parser.add_argument("--follow", action="store_true", help="go on, until the service ends or Ctrl-C")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    settings = Settings.load(root, BUILT_IN)
    public = {settings.minio_password or "", *settings.postgres_passwords.values()}
    for line in kept_log(root, chosen.service, chosen.tail, chosen.follow, public):
        print(line, flush=chosen.follow)
    return 0


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)
