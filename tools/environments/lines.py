"""The environments that this repository has, and the Pythons that each of them runs on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HARNESS = "harness"
HARNESS_PYTHONS = ("3.12", "3.11", "3.13", "3.14")
"""Best first. A Python 3.12 comes first because every Airflow line but none newer than it runs there."""


class Line(NamedTuple):
    """An Airflow line: when its locked release came out, and where it runs."""

    released: str
    pythons: tuple[str, ...]
    """What the release's Requires-Python means. 2.11.2 writes `!=3.13`, which excludes 3.13.0 alone."""
    preferred: str | None = None
    """The Python that `make lines` tries it on, where the machine has it; None: that of .venv."""


LINES = {
    "2.10": Line("2025-02-11", ("3.10", "3.11", "3.12"), "3.10"),
    "2.11": Line("2026-03-15", ("3.10", "3.11", "3.12")),
    "3.0": Line("2025-08-30", ("3.10", "3.11", "3.12"), "3.11"),
    "3.1": Line("2026-03-12", ("3.10", "3.11", "3.12", "3.13"), "3.12"),
    "3.2": Line("2026-06-15", ("3.10", "3.11", "3.12", "3.13", "3.14"), "3.13"),
    "3.3": Line("2026-09-18", ("3.10", "3.11", "3.12", "3.13", "3.14")),
}


class Environment(NamedTuple):
    """One environment: where it lies, and the lock that it is made from."""

    name: str
    folder: Path
    lock: Path
    pythons: tuple[str, ...]
    preferred: str | None


def environment(name: str, root: Path = ROOT) -> Environment:
    """The environment called `harness` or `airflow-LINE`. Raises KeyError for another name."""
    lock = root / "requirements" / f"{name}.txt"
    if name == HARNESS:
        return Environment(name, root / ".venv", lock, HARNESS_PYTHONS, None)
    prefix, _, of_line = name.partition("-")
    if prefix != "airflow" or of_line not in LINES:
        raise KeyError(name)
    line = LINES[of_line]
    return Environment(name, root / ".harness" / "airflow" / of_line, lock, line.pythons, line.preferred)
