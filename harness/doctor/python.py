"""What is installed: Python, Airflow, the locks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from harness.airflow.environments import AirflowEnvironment, find_environment
from harness.doctor.finding import Finding
from harness.errors import SettingsError
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
    try:
        found = find_environment(settings.airflow_python)
    except SettingsError as error:
        why, _, todo = str(error).rpartition(": ")
        yield Finding("Airflow", "fail", why, todo)
        return
    what = f"{found.airflow_version} on Python {found.python_version}, {found.python}"
    if found.line in LINES:
        yield Finding("Airflow", "ok", what)
    else:
        yield Finding("Airflow", "warn", what, f"the harness is tested on {' and '.join(LINES)}")


def locks(settings: Settings) -> Iterator[Finding]:
    """What the Airflow environment has against the checkout's lock of its line, where there is one."""
    try:
        environment = find_environment(settings.airflow_python)
    except SettingsError:  # which airflow() reports
        return
    lock = settings.root / "requirements" / f"airflow-{environment.line}.txt"
    if not lock.is_file():
        yield Finding("locks", "ok", f"no lock in {settings.root}")
        return
    pinned = _pins(lock, environment)
    installed = environment.packages
    others = [f"{name} {installed[name]}" for name, pin in pinned.items() if installed.get(name, pin) != pin]
    if others:
        found = f"{len(others)} not as in {lock.name}: {', '.join(sorted(others)[:3])}"
        yield Finding("locks", "warn", found, f"install from {lock.relative_to(settings.root)}")
    else:
        yield Finding("locks", "ok", f"none other than in {lock.name}")


def _pins(lock: Path, environment: AirflowEnvironment) -> dict[str, str]:
    """By name the version that is meant for the environment's Python and this system."""
    lines = (line.removesuffix("\\").strip() for line in lock.read_text().splitlines() if line[:1].isalnum())
    python = {"python_version": environment.python_minor, "python_full_version": environment.python_version}
    wanted = (one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate(python))
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in wanted}
