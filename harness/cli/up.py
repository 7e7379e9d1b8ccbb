"""`harness up`: the services, kept until `harness down`."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from harness.progress import shown
from harness.settings import StackChoice


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "up", help="start the services and keep them, for `pytest --harness-reuse` and for you"
    )
    parser.add_argument("--stack", choices=get_args(StackChoice), help="the services (default: auto)")
    parser.add_argument("--show-credentials", action="store_true", help="users and passwords too, for a shell")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    # Only who asks for services has pytest imported. By it, since the project's conftest says what databases there are.
    from harness.cli.endpoints import credentials, endpoints, started
    from harness.run_command.session import in_session
    from harness.services.session import ServiceSession
    from harness.services.stack import Stack

    found: dict[str, dict[str, str]] = {}

    def work(harness_stack: Stack, connections: Mapping[str, str]) -> None:
        progress.step("services", started(harness_stack), last=True)
        found["endpoints"] = endpoints(harness_stack)
        if chosen.show_credentials:
            found["credentials"] = credentials(harness_stack, connections)

    options = ["--harness-reuse", *(["--harness-stack", chosen.stack] if chosen.stack else [])]
    with (
        shown() as progress,
        ServiceSession(root, None).locked("up"),
    ):  # of two at once the second finds the first one's
        progress.step("services", "starting")
        in_session(root, work, options, progress)
    if chosen.json:
        print(json.dumps(found, indent=1))
        return 0
    for name, url in found["endpoints"].items():
        print(f"{'# ' if chosen.show_credentials else ''}{name}: {url}")  # the whole can be given to eval
    for name, value in found.get("credentials", {}).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
