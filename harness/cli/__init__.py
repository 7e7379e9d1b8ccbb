"""The `harness` command: parses the command line and calls the command's module."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from harness.cli import clean, compare, dag_list, dag_run, doctor, down, images, init, logs, status, up, watch
from harness.errors import HarnessError
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings, find_root
from harness.version import own_version

REFUSED = 2
COMMANDS = (init, dag_run, dag_list, watch, compare, up, status, logs, down, clean, doctor, images)
"""Modules with `add(commands, image_names)`, which adds a parser whose default `run` is `run(root, chosen) -> int`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 if a check or a run failed, or 2 after a one-line error."""
    cache: Path | None = None
    try:
        root = find_root(Path.cwd())
        settings = Settings.load(root, BUILT_IN)
        cache = settings.cache_dir
        parser = _parser((*BUILT_IN, *settings.images))
        chosen, others = parser.parse_known_args(arguments)
        if others and not getattr(chosen, "takes_others", False):
            parser.error(f"unrecognized arguments: {' '.join(others)}")
        chosen.others = others
        return int(chosen.run(root, chosen))
    except HarnessError as error:
        _keep_traceback(cache)
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:  # `harness images | head`. Python would report the broken pipe again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # for example a full disk or a removed folder
        _keep_traceback(cache)
        print(f"error: {_of_system(error)}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"error: {message}; see `{self.prog} --help`\n")


def _parser(image_names: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="harness", description="End-to-end scenarios for Airflow pipelines.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {own_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands, image_names)
    return parser


def _of_system(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}: make room (`harness clean --cache --images` may help), then run again"
    return f"{error.strerror or error}{where}"


def _keep_traceback(cache: Path | None) -> None:
    """Write the traceback to the cache folder; ignore an error such as a full disk."""
    if cache is None:
        return
    with suppress(OSError):
        (cache / "logs").mkdir(parents=True, exist_ok=True)
        (cache / "logs" / "traceback.log").write_text(traceback.format_exc())
