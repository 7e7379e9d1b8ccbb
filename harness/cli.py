"""The `harness` command. Thin: it reads the command line and calls what does the work."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.airflow.warm.client import end_hosts, hosts_folder
from harness.engine import connect
from harness.errors import HarnessError
from harness.images import listing
from harness.images.catalogue import BUILT_IN
from harness.images.progress import shown
from harness.services.fleet import Fleet
from harness.settings import Settings, find_root

FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. 0: done. 2: refused, with one line on stderr that says why."""
    cache: Path | None = None
    try:
        root = find_root(Path.cwd())
        settings = Settings.load(root, BUILT_IN)
        cache = settings.cache_dir
        names = (*BUILT_IN, *settings.images)
        parser = _parser(names)
        chosen, others = parser.parse_known_args(arguments)
        if chosen.command == "watch":
            return _watch(Settings.load(root, BUILT_IN, {"dags_folder": chosen.dags_folder}), others)
        if others:
            parser.error(f"unrecognized arguments: {' '.join(others)}")
        if chosen.command == "down":
            return _down(settings)
        return _images(Settings.load(root, BUILT_IN, options=_options(chosen, names)), chosen)
    except HarnessError as error:
        _keep_traceback(cache)
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # `harness images | head`; Python would complain again while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="harness", description="End-to-end scenarios for Airflow pipelines.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("down", help="remove the services that --reuse kept for this checkout, and end its warm hosts")
    watch = commands.add_parser(
        "watch",
        usage="harness watch [--dags-folder PATH] [pytest arguments]",
        help="on every save of a DAG file run its scenarios again, until Ctrl-C; takes pytest's arguments too",
        allow_abbrev=False,
    )
    watch.add_argument("--dags-folder", metavar="PATH", help="the DAGs under test")
    images = commands.add_parser("images", help="list the images that scenarios need, or get them")
    images.add_argument("--get", nargs="*", metavar="NAME", help="obtain these images (none named: all) before listing")
    images.add_argument("--json", action="store_true", help="print the list as JSON")
    images.add_argument("--image-mode", metavar="MODE", help="auto (default), pull or build")
    for name in names:
        images.add_argument(f"--{name}-image", metavar="REF", help=f"reference of {name}, or build:RELEASE")
    return parser


def _options(chosen: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    keys = ["image_mode", *(f"{name}_image" for name in names)]
    # argparse turns every dash of an option into an underscore; an image's name may hold one.
    return {key: getattr(chosen, key.replace("-", "_")) for key in keys}


def _images(settings: Settings, chosen: argparse.Namespace) -> int:
    client = connect()
    if chosen.get is not None:
        with shown() as progress:
            listing.get(client, settings, chosen.get, progress)
    listing.render(listing.lines(client, settings), chosen.json)
    return 0


def _watch(settings: Settings, arguments: Sequence[str]) -> int:
    # Only who watches has watchfiles and pytest imported.
    from harness.watch.loop import watch

    watch(settings, [*arguments, "--dags-folder", str(settings.dags_folder)])
    return 0


def _down(settings: Settings) -> int:
    hosts = end_hosts(hosts_folder(settings))  # first: they need no engine
    removed = Fleet(settings.root, None).remove()
    removed["warm host"] = hosts
    told = ", ".join(_counted(kind, number) for kind, number in removed.items() if number)
    print(f"removed {told}" if told else "nothing was kept")
    return 0


def _counted(kind: str, number: int) -> str:
    return f"{number} {kind}{'' if number == 1 else 's'}"


def _keep_traceback(cache: Path | None) -> None:
    """For whoever has to find out more than the one line says. A disk that is full must not hide that line."""
    if cache is None:
        return
    with suppress(OSError):
        (cache / "logs").mkdir(parents=True, exist_ok=True)
        (cache / "logs" / "traceback.log").write_text(traceback.format_exc())
