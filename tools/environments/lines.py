"""This repository's environments, and the Pythons that each of them supports."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HARNESS = "harness"
HARNESS_PYTHONS = ("3.12", "3.11", "3.13", "3.14")
"""By preference. 3.12 is the newest Python that every Airflow line supports."""


class Line(NamedTuple):
    """An Airflow line: the date of its locked release, and the Pythons that it supports."""

    released: str
    pythons: tuple[str, ...]
    """The intent of the release's Requires-Python. 2.11.2 writes `!=3.13`, which excludes only 3.13.0."""
    preferred: str | None = None
    """The Python of its environment if the machine has it; None for the Python of .venv."""


LINES = {
    "2.10": Line("2025-02-11", ("3.10", "3.11", "3.12"), "3.10"),
    "2.11": Line("2026-03-15", ("3.10", "3.11", "3.12")),
    "3.0": Line("2025-08-30", ("3.10", "3.11", "3.12"), "3.11"),
    "3.1": Line("2026-03-12", ("3.10", "3.11", "3.12", "3.13"), "3.12"),
    "3.2": Line("2026-06-15", ("3.10", "3.11", "3.12", "3.13", "3.14"), "3.13"),
    "3.3": Line("2026-09-18", ("3.10", "3.11", "3.12", "3.13", "3.14")),
}


class Environment(NamedTuple):
    """One environment: its folder, its lock, and the Pythons that it supports."""

    name: str
    folder: Path
    lock: Path
    pythons: tuple[str, ...]
    preferred: str | None


def environment(name: str, root: Path = ROOT) -> Environment:
    """Return the environment called `harness` or `airflow-LINE`. Raises KeyError."""
    lock = root / "requirements" / f"{name}.txt"
    if name == HARNESS:
        return Environment(name, root / ".venv", lock, HARNESS_PYTHONS, None)
    prefix, _, of_line = name.partition("-")
    if prefix != "airflow" or of_line not in LINES:
        raise KeyError(name)
    line = LINES[of_line]
    return Environment(name, root / ".harness" / "airflow" / of_line, lock, line.pythons, line.preferred)
