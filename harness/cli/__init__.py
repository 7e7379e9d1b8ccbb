"""The `harness` command. Thin: it reads the command line and calls what does the work; a file for each command."""

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

from harness.cli import clean, dag_list, dag_run, doctor, down, images, logs, status, up, watch
from harness.errors import HarnessError
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings, find_root

REFUSED = 2
COMMANDS = (dag_run, dag_list, watch, up, status, logs, down, clean, doctor, images)
"""Modules with `add(commands, image_names)`, which adds a parser whose default `run` is `run(root, chosen) -> int`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. 0: done. 1: a check or a scenario failed. 2: refused, with one line on stderr that says why."""
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
    except BrokenPipeError:  # `harness images | head`; Python would complain again while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a disk that is full, a folder that has gone
        _keep_traceback(cache)
        print(f"error: {_of_system(error)}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """One that refuses in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"error: {message}; `{self.prog} --help` tells more\n")


def _parser(image_names: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="harness", description="End-to-end scenarios for Airflow pipelines.")
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
    """For whoever has to find out more than the one line says. A disk that is full must not hide that line."""
    if cache is None:
        return
    with suppress(OSError):
        (cache / "logs").mkdir(parents=True, exist_ok=True)
        (cache / "logs" / "traceback.log").write_text(traceback.format_exc())
