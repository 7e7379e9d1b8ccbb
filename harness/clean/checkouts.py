"""What was kept for checkouts: for this one, and for those that have gone since."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import docker

from harness.airflow.runners.warm import end_hosts, hosts_folder
from harness.clean.left import Left
from harness.clean.on_engine import things
from harness.private import checkouts, private_folder
from harness.services.embedded.processes import dead_stacks
from harness.services.embedded.stack import kept_folders
from harness.services.fleet import Fleet, fleets
from harness.services.kind import remove_kept
from harness.tables import counted


def of_own(root: Path, client: docker.DockerClient | None) -> Iterator[Left]:
    """Of the checkout at `root`: what is kept, its warm hosts and their folders."""
    if kept := _kept(root, client):
        yield Left("kept stack", f"{kept} of {root}", partial(remove_kept, root))
    folder = hosts_folder(root)
    for host in folder.glob("*/socket"):
        yield Left("warm host", f"{host.parent.name} of {root}", partial(end_hosts, folder))
    if any(folder.iterdir()):
        yield Left("hosts folder", str(folder), partial(shutil.rmtree, folder))


def of_gone(root: Path, client: docker.DockerClient | None) -> Iterator[Left]:
    """Of checkouts whose folder has gone: everything, unless a test run is under way there all the same."""
    for checkout in checkouts():
        if checkout == root or checkout.exists() or any(fleet.used() for fleet in fleets(checkout)):
            continue
        kept = _kept(checkout, client) or "no stack"
        yield Left("gone checkout", f"{checkout}: {kept} kept", partial(_remove_gone, checkout))


def of_embedded() -> Iterator[Left]:
    """Folders of embedded stacks whose keeper was killed."""
    for folder in dead_stacks():
        yield Left("stack folder", str(folder), partial(shutil.rmtree, folder, ignore_errors=True))


def _kept(checkout: Path, client: docker.DockerClient | None) -> str:
    """What remove_kept() would find there, in a few words. Without a client only a note tells of containers."""
    fleet = Fleet(checkout, None)
    found = Counter({"embedded stack": len(kept_folders(fleet))})
    if client:
        found.update(one.kind for one in things(client).get(fleet.ident, ()))
    return counted(found) or ("notes" if any(fleet.folder.glob("*.json")) else "")


def _remove_gone(checkout: Path) -> None:
    """Its private folder goes last: by it alone all else is found."""
    remove_kept(checkout)
    end_hosts(hosts_folder(checkout))
    shutil.rmtree(private_folder(checkout))
