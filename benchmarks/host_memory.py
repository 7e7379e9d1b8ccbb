"""The memory of warm hosts (PSS)."""

from __future__ import annotations

from pathlib import Path

from harness.airflow.runners.warm import living_hosts


def host_megabytes(hosts: Path) -> float:
    """Return the PSS of the hosts in the folder `hosts`, in megabytes (10^6 bytes).

    PSS divides a shared page among its processes. Raises LookupError if no host is alive.
    """
    found = [_pss(pid) for pid in living_hosts(hosts).values()]
    if not found:
        raise LookupError(f"no warm host of {hosts} is alive")
    return sum(found) / 1e6


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
