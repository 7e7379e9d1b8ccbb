"""The memory of warm hosts (PSS)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def host_megabytes(hosts: Path) -> float:
    """Return the PSS of the hosts in the folder `hosts`, in megabytes (10^6 bytes).

    PSS divides a shared page among its processes. Raises LookupError if no host is alive.
    """
    found = [
        _pss(process) for process in Path("/proc").iterdir() if process.name.isdigit() and _is_host(process, hosts)
    ]
    if not found:
        raise LookupError(f"no warm host of {hosts} is alive")
    return sum(found) / 1e6


def _is_host(process: Path, hosts: Path) -> bool:
    with suppress(OSError):
        at_home = Path(os.readlink(process / "cwd")).is_relative_to(hosts.resolve())  # noqa: PTH115 - a process may go
        return at_home and b"from harness.airflow.warm import host" in (process / "cmdline").read_bytes()
    return False


def _pss(process: Path) -> int:
    with suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
