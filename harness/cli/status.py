"""`harness status`: what is kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.airflow.runners.warm import hosts_folder, living_hosts
from harness.cli.service_status import KeptService, kept_services
from harness.services.session import ServiceSession

NOT_UP = 1


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("status", help="what is kept for this checkout; 1 if not all of it answers")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    services, hosts = kept_services(root), sorted(living_hosts(hosts_folder(root)).values())
    used = ServiceSession(root, None).used()
    if chosen.json:
        told = {"services": [{**asdict(one), "url": one.url} for one in services]}
        print(json.dumps({"in_use": used, **told, "warm_hosts": [{"pid": pid} for pid in hosts]}, indent=1))
    else:
        _tell(services, used, hosts)
    return 0 if services and all(one.answers for one in services) else NOT_UP


def _tell(services: Sequence[KeptService], used: bool, hosts: Sequence[int]) -> None:
    if not services:
        print("nothing is kept: `harness up` starts the services and keeps them")
    for one in services:
        answers = "answers" if one.answers else "DOES NOT ANSWER"
        print(f"{one.name} ({one.kind}, slot {one.slot}): {answers}{' at ' if one.url else ''}{one.url}")
    if used:
        print("a test run is using it")
    for pid in hosts:
        print(f"warm host, process {pid}")
