"""`harness status`: show the kept services."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.airflow.runners.warm import living_hosts
from harness.cli.service_status import KeptService, list_kept_services
from harness.runtime_dir import hosts_folder
from harness.services.session import ServiceSession

NOT_UP = 1


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("status", help="show the kept services; exit code 1 unless all of them answer")
    parser.add_argument("--json", action="store_true", help="print the status as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    services, hosts = list_kept_services(root), sorted(living_hosts(hosts_folder(root)).values())
    used = ServiceSession(root, None).is_used()
    if chosen.json:
        listed = {"services": [{**asdict(one), "url": one.url} for one in services]}
        print(json.dumps({"in_use": used, **listed, "warm_hosts": [{"pid": pid} for pid in hosts]}, indent=1))
    else:
        _print_status(services, used, hosts)
    return 0 if services and all(one.answers for one in services) else NOT_UP


def _print_status(services: Sequence[KeptService], used: bool, hosts: Sequence[int]) -> None:
    if not services:
        print("no services are kept: `harness up` starts and keeps them")
    for one in services:
        answers = "answers" if one.answers else "DOES NOT ANSWER"
        print(f"{one.name} ({one.kind}, slot {one.slot}): {answers}{' at ' if one.url else ''}{one.url}")
    if used:
        print("a test run is using the services")
    for pid in hosts:
        print(f"warm host, process {pid}")
