"""What is installed: Python, Airflow, the locks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from harness.airflow.metadata import versions
from harness.doctor.finding import Finding
from harness.settings import Settings

DISTRIBUTION = "airflow-scenario-harness"
LINES = ("2.11", "3.3")
"""Airflow's lines on which the harness is tested."""


def python(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    try:
        wanted = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    except metadata.PackageNotFoundError:
        yield Finding("Python", "warn", version, "install the harness: it runs from a folder")
        return
    if version in SpecifierSet(wanted):
        yield Finding("Python", "ok", version)
    else:
        yield Finding("Python", "fail", version, f"use one that is {wanted}")


def airflow(settings: Settings) -> Iterator[Finding]:
    version = versions().get("apache-airflow")
    if version is None:
        yield Finding("Airflow", "fail", "not installed", f"pip install '{DISTRIBUTION}[airflow]'")
    elif version.rpartition(".")[0] in LINES:
        yield Finding("Airflow", "ok", version)
    else:
        yield Finding("Airflow", "warn", version, f"the harness is tested on {' and '.join(LINES)}")


def locks(settings: Settings) -> Iterator[Finding]:
    """What is installed against the checkout's lock of this Airflow line, where it has one."""
    line = versions().get("apache-airflow", "").rpartition(".")[0]
    lock = settings.root / "requirements" / f"airflow-{line}.txt"
    if not lock.is_file():
        yield Finding("locks", "ok", f"no lock in {settings.root}")
        return
    pinned = _pins(lock)
    named = ((one.metadata["Name"], one.version) for one in metadata.distributions())
    installed = {name.lower().replace("_", "-"): version for name, version in named if name}
    others = [f"{name} {installed[name]}" for name, pin in pinned.items() if installed.get(name, pin) != pin]
    if others:
        found = f"{len(others)} not as in {lock.name}: {', '.join(sorted(others)[:3])}"
        yield Finding("locks", "warn", found, f"install from {lock.relative_to(settings.root)}")
    else:
        yield Finding("locks", "ok", f"none other than in {lock.name}")


def _pins(lock: Path) -> dict[str, str]:
    """By name the version that is meant for this Python and this system."""
    lines = (line.removesuffix("\\").strip() for line in lock.read_text().splitlines() if line[:1].isalnum())
    wanted = (one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate())
    return {one.name.lower().replace("_", "-"): str(one.specifier).removeprefix("==") for one in wanted}
