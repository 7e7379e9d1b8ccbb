"""Find what is kept for checkouts: for the current one, and for deleted ones."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import docker

from harness.airflow.runners.warm import end_hosts
from harness.cleanup.engine_objects import list_objects
from harness.cleanup.leftovers import Leftover
from harness.runtime_dir import hosts_folder, list_checkouts, runtime_dir
from harness.services.embedded.processes import list_dead_stacks
from harness.services.embedded.stack import list_kept_folders
from harness.services.selection import remove_kept
from harness.services.session import ServiceSession, list_sessions
from harness.tables import format_counts


def find_kept(root: Path, client: docker.DockerClient | None) -> Iterator[Leftover]:
    """Find the kept stack, the warm hosts and the preloading lists of the checkout at `root`."""
    if kept := _describe_kept(root, client):
        yield Leftover("kept stack", f"{kept} of {root}", partial(remove_kept, root))
    folder = hosts_folder(root)
    for host in folder.glob("*.sock"):
        yield Leftover("warm host", f"{host.stem} of {root}", partial(end_hosts, folder))
    if any(folder.iterdir()):
        yield Leftover("state folder", str(folder), partial(shutil.rmtree, folder))


def find_deleted_checkouts(root: Path, client: docker.DockerClient | None) -> Iterator[Leftover]:
    """Find everything that is kept for deleted checkouts.

    A checkout with a test run in progress is skipped.
    """
    for checkout in list_checkouts():
        if checkout == root or checkout.exists() or any(session.is_used() for session in list_sessions(checkout)):
            continue
        kept = _describe_kept(checkout, client) or "no stack"
        yield Leftover("deleted checkout", f"{checkout}: {kept} kept", partial(_remove_checkout, checkout))


def find_dead_embedded_stacks() -> Iterator[Leftover]:
    """Find folders of embedded stacks whose supervisor was killed."""
    for folder in list_dead_stacks():
        yield Leftover("stack folder", str(folder), partial(shutil.rmtree, folder, ignore_errors=True))


def _describe_kept(checkout: Path, client: docker.DockerClient | None) -> str:
    """Describe in a few words what remove_kept() would remove.

    Without a client, containers are known from state files only.
    """
    session = ServiceSession(checkout, None)
    counts = Counter({"embedded stack": len(list_kept_folders(session))})
    if client:
        counts.update(item.kind for item in list_objects(client).get(session.ident, ()))
    return format_counts(counts) or ("state files" if any(session.folder.glob("*.json")) else "")


def _remove_checkout(checkout: Path) -> None:
    """Remove everything that is kept for a deleted checkout.

    The private folder goes last, because everything else is found through it.
    """
    remove_kept(checkout)
    end_hosts(hosts_folder(checkout))
    shutil.rmtree(runtime_dir(checkout))
