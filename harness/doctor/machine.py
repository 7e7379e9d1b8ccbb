"""The machine: disk, memory, loopback, clock."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from harness.doctor.finding import Finding
from harness.settings import Settings

GIB = 1024**3
DISK_LOW, DISK_TOO_LOW = 5 * GIB, GIB
MEMORY_LOW = 4 * GIB
"""A warm host, its forks and four services have some 2 GiB with two workers."""


def disk(settings: Settings) -> Iterator[Finding]:
    for what, folder in (("cache folder", settings.cache_dir), ("temporary folder", Path(tempfile.gettempdir()))):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if os.access(there, os.W_OK):
            yield room(what, there, "`harness clean --images --cache` removes what can be made again")
        else:
            todo = f"make {there} writable, or set HARNESS_CACHE_DIR or TMPDIR"
            yield Finding(what, "fail", f"{folder} can't be written", todo)


def room(what: str, folder: Path, todo: str) -> Finding:
    """How much is free where `folder` is."""
    free = shutil.disk_usage(folder).free
    found = f"{free / GIB:.1f} GiB free in {folder}"
    if free >= DISK_LOW:
        return Finding(what, "ok", found)
    return Finding(what, "fail" if free < DISK_TOO_LOW else "warn", found, f"make room: {todo}")


def memory(settings: Settings) -> Iterator[Finding]:
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        yield Finding("memory", "warn", "this system does not tell", "see that 4 GiB are there")
        return
    low = whole < MEMORY_LOW
    yield Finding("memory", "warn" if low else "ok", f"{whole / GIB:.1f} GiB", "run with -n 0" if low else "")


def ports(settings: Settings) -> Iterator[Finding]:
    try:
        socket.create_server(("127.0.0.1", 0)).close()
    except OSError as error:
        yield Finding("loopback", "fail", str(error), "let programs listen on 127.0.0.1")
        return
    yield Finding("loopback", "ok", "ports are free on 127.0.0.1")
    for name, port in settings.fixed_ports.items():
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            todo = "end who has it (`harness down`, if it is a kept stack), or change the setting"
            yield Finding(name, "warn", f"port {port}: {error.strerror}", todo)
        else:
            yield Finding(name, "ok", f"port {port} is free")


def clock(settings: Settings) -> Iterator[Finding]:
    """Against the newest file of the harness itself, since nobody else is asked."""
    now = datetime.now(UTC)
    newest = max(file.stat().st_mtime for file in Path(__file__).parents[1].rglob("*.py"))
    behind = newest - now.timestamp()
    if behind > 3600:
        found = f"{now:%Y-%m-%d %H:%M} UTC, {behind / 3600:.0f} h before the harness's own files"
        yield Finding("clock", "warn", found, "set the clock: signatures and certificates depend on it")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")
