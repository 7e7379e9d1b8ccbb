"""The memory of warm hosts, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

from harness.airflow.runners.warm import living_hosts


def host_megabytes(hosts: Path) -> float:
    """Megabytes (10^6 bytes) of the hosts whose folder is `hosts`: PSS, in which a shared page counts in parts.

    Raises LookupError where there is none.
    """
    found = [_pss(pid) for pid in living_hosts(hosts).values()]
    if not found:
        raise LookupError(f"no warm host of {hosts} is alive")
    return sum(found) / 1e6


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
