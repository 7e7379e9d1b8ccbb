"""Check the installed software: Python, Airflow, and Airflow's packages against the lock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from harness.airflow.environments import AirflowEnvironment, find_environment
from harness.airflow.runners.choice import PROVED
from harness.doctor.finding import Finding
from harness.errors import SettingsError
from harness.settings import Settings

DISTRIBUTION = "airflow-scenario-harness"


def check_python(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    try:
        required = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    except metadata.PackageNotFoundError:
        yield Finding("Python", "warn", version, "install the harness: it runs from a folder without package metadata")
        return
    if version in SpecifierSet(required):
        yield Finding("Python", "ok", version)
    else:
        yield Finding("Python", "fail", version, f"use Python {required}")


def check_airflow(settings: Settings) -> Iterator[Finding]:
    if settings.airflow_image:
        yield Finding("Airflow", "ok", f"in the image {settings.airflow_image}: `harness list` reads its version")
        return
    try:
        environment = find_environment(settings.airflow_python)
    except SettingsError as error:
        reason, _, todo = str(error).rpartition(": ")
        yield Finding("Airflow", "fail", reason, todo)
        return
    found = f"{environment.airflow_version} on Python {environment.python_version}, {environment.python}"
    if environment.line in PROVED:
        yield Finding("Airflow", "ok", found)
    else:
        yield Finding("Airflow", "warn", found, f"the harness is tested on {' and '.join(PROVED)}")


def check_locks(settings: Settings) -> Iterator[Finding]:
    """Compare the Airflow environment with the checkout's lock for its line, if there is one."""
    if settings.airflow_image:
        return
    try:
        environment = find_environment(settings.airflow_python)
    except SettingsError:  # check_airflow() reports this error.
        return
    lock = settings.root / "requirements" / f"airflow-{environment.line}.txt"
    if not lock.is_file():
        yield Finding("locks", "ok", f"no lock in {settings.root}")
        return
    pins = _read_pins(lock, environment)
    installed = environment.packages
    different = [f"{name} {installed[name]}" for name, pin in pins.items() if installed.get(name, pin) != pin]
    if different:
        found = f"{len(different)} packages differ from {lock.name}: {', '.join(sorted(different)[:3])}"
        yield Finding("locks", "warn", found, f"install from {lock.relative_to(settings.root)}")
    else:
        yield Finding("locks", "ok", f"every package is as in {lock.name}")


def _read_pins(lock: Path, environment: AirflowEnvironment) -> dict[str, str]:
    """Return the lock's versions by package name, for the environment's Python."""
    lines = (line.removesuffix("\\").strip() for line in lock.read_text().splitlines() if line[:1].isalnum())
    python = {"python_version": environment.python_minor, "python_full_version": environment.python_version}
    entries = map(Requirement, lines)
    applicable = (entry for entry in entries if entry.marker is None or entry.marker.evaluate(python))
    return {canonicalize_name(entry.name): str(entry.specifier).removeprefix("==") for entry in applicable}
