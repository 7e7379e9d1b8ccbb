"""`harness up`: start the services and keep them until `harness down`."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from harness.progress import show_progress
from harness.settings import StackChoice


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "up", help="start the services and keep them, for `pytest --harness-reuse` and for your own tools"
    )
    parser.add_argument("--stack", choices=get_args(StackChoice), help="how the services run (default: auto)")
    parser.add_argument("--show-credentials", action="store_true", help="print users and passwords too, for a shell")
    parser.add_argument("--json", action="store_true", help="print the endpoints as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    # Other commands don't need pytest, which takes long to import. Here the project's conftest may declare databases.
    from harness.cli.endpoints import format_credentials, format_endpoints, format_start_times
    from harness.run_command.session import run_in_session
    from harness.services.seeds import put_seeds
    from harness.services.session import ServiceSession
    from harness.services.stack import Stack
    from harness.settings import Settings

    found: dict[str, dict[str, str]] = {}

    def work(harness_stack: Stack, harness_settings: Settings, connections: Mapping[str, str]) -> None:
        put_seeds(harness_stack, harness_settings)
        progress.step("services", format_start_times(harness_stack), last=True)
        found["endpoints"] = format_endpoints(harness_stack)
        if chosen.show_credentials:
            found["credentials"] = format_credentials(harness_stack, connections)

    options = ["--harness-reuse", *(["--harness-stack", chosen.stack] if chosen.stack else [])]
    with (
        show_progress() as progress,
        ServiceSession(root, None).lock("up"),
    ):  # A second `harness up` waits, then finds the services of the first.
        progress.step("services", "starting")
        run_in_session(root, work, options, progress)
    if chosen.json:
        print(json.dumps(found, indent=1))
        return 0
    for name, url in found["endpoints"].items():
        print(f"{'# ' if chosen.show_credentials else ''}{name}: {url}")  # A shell can eval the whole output.
    for name, value in found.get("credentials", {}).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
