"""What was kept for checkouts: for this one, and for those that have gone since."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.airflow.warm.client import end_hosts, hosts_folder
from harness.clean.left import Left
from harness.private import checkouts, private_folder
from harness.services.embedded.processes import dead_stacks
from harness.services.fleet import fleets
from harness.services.kept import kept_services
from harness.services.kind import remove_kept


def of_checkouts(root: Path) -> Iterator[Left]:
    """Of the checkout at `root` what was kept, and what its warm hosts learned; of those that have gone, all.

    Not of one where a test run is under way.
    """
    for checkout in dict.fromkeys((root, *(other for other in checkouts() if not other.exists()))):
        if any(fleet.used() for fleet in fleets(checkout)):
            continue
        for stack in sorted({f"{one.kind} {one.slot}" for one in kept_services(checkout)}):
            yield Left("kept stack", f"{stack} of {checkout}", partial(remove_kept, checkout))
        folder = hosts_folder(checkout)
        for host in folder.glob("*.sock"):
            yield Left("warm host", f"{host.stem} of {checkout}", partial(end_hosts, folder))
        if checkout == root and any(folder.iterdir()):
            yield Left("notes folder", str(folder), partial(shutil.rmtree, folder))
        elif checkout != root:
            gone = private_folder(checkout)
            yield Left("private folder", f"{gone}, of {checkout}", partial(shutil.rmtree, gone))


def of_embedded() -> Iterator[Left]:
    """Folders of embedded stacks whose keeper was killed."""
    for folder in dead_stacks():
        yield Left("stack folder", str(folder), partial(shutil.rmtree, folder, ignore_errors=True))
