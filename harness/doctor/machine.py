"""Check the machine: disk, memory, loopback, clock."""

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
DISK_WARN, DISK_FAIL = 5 * GIB, GIB
MEMORY_WARN = 4 * GIB
"""With two workers, the warm host, its forks and four services use about 2 GiB."""


def check_disk(settings: Settings) -> Iterator[Finding]:
    for check, folder in (("cache folder", settings.cache_dir), ("temporary folder", Path(tempfile.gettempdir()))):
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if os.access(existing, os.W_OK):
            yield check_free_space(check, existing, "`harness clean --images --cache` removes rebuildable files")
        else:
            todo = f"make {existing} writable, or set HARNESS_CACHE_DIR or TMPDIR"
            yield Finding(check, "fail", f"{folder} can't be written", todo)


def check_free_space(check: str, folder: Path, todo: str) -> Finding:
    """Check the free space of the disk that holds `folder`."""
    free = shutil.disk_usage(folder).free
    found = f"{free / GIB:.1f} GiB free in {folder}"
    if free >= DISK_WARN:
        return Finding(check, "ok", found)
    return Finding(check, "fail" if free < DISK_FAIL else "warn", found, f"free space: {todo}")


def check_memory(settings: Settings) -> Iterator[Finding]:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        yield Finding("memory", "warn", "this system does not report it", "check that the machine has 4 GiB")
        return
    low = total < MEMORY_WARN
    yield Finding("memory", "warn" if low else "ok", f"{total / GIB:.1f} GiB", "run with -n 0" if low else "")


def check_ports(settings: Settings) -> Iterator[Finding]:
    try:
        socket.create_server(("127.0.0.1", 0)).close()
    except OSError as error:
        yield Finding("loopback", "fail", str(error), "allow programs to listen on 127.0.0.1")
        return
    yield Finding("loopback", "ok", "ports are free on 127.0.0.1")
    for name, port in settings.fixed_ports.items():
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            todo = "end the program that uses it (`harness down`, if it is a kept stack), or change the setting"
            yield Finding(name, "warn", f"port {port}: {error.strerror}", todo)
        else:
            yield Finding(name, "ok", f"port {port} is free")


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Compare the clock with the newest file of the harness.

    No time server is contacted.
    """
    now = datetime.now(UTC)
    newest = max(file.stat().st_mtime for file in Path(__file__).parents[1].rglob("*.py"))
    behind = newest - now.timestamp()
    if behind > 3600:
        found = f"{now:%Y-%m-%d %H:%M} UTC, {behind / 3600:.0f} h before the harness's own files"
        yield Finding("clock", "warn", found, "set the clock: signatures and certificates depend on it")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")
