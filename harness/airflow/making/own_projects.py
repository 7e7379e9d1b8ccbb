"""Packages of the project that come from an address, such as an editable one, and that pin what a target moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement

from harness.airflow.making.current import AIRFLOW_ITSELF
from harness.airflow.making.file_constraints import mask
from harness.airflow.making.locks import name_of, parse_requirement
from harness.airflow.making.requirements_file import keep_extras
from harness.airflow.making.targets import AIRFLOW, Wanted


@dataclass(frozen=True)
class Parted:
    """The lines to resolve, and those of packages that are installed without being resolved."""

    resolved: tuple[str, ...]
    apart: tuple[str, ...]
    notes: tuple[str, ...]


def part_projects(lines: Iterable[str], projects: Mapping[str, tuple[str, ...]], wanted: Wanted) -> Parted:
    """Replace each package whose requirements exclude a target by its other requirements.

    The project's own pins are those of today, which the check is about. Its environment is made without
    looking at dependencies, so the package can be in it all the same.
    """
    versions = {name: requirement.rpartition("==")[2] for name, requirement in wanted.packages.items()}
    versions |= dict.fromkeys(AIRFLOW_ITSELF, wanted.airflow) if wanted.airflow else {}
    resolved: list[str] = []
    apart: list[str] = []
    notes: list[str] = []
    for line in lines:
        required = _parse(projects.get(line, ()))
        stale = [text for text, found in required.items() if _excludes(found, versions)]
        if not stale:
            resolved.append(line)
            continue
        resolved += [text for text in required if text not in stale]
        resolved += keep_extras(stale, {*wanted.packages, AIRFLOW})
        apart.append(line)
        notes.append(f"yields to the targets: {', '.join(stale)} of {mask(line)}")
    return Parted(tuple(resolved), tuple(apart), tuple(notes))


def _parse(lines: Iterable[str]) -> dict[str, Requirement]:
    """Return the requirements by their text, without those of extras."""
    found = {}
    for line in lines:
        requirement = parse_requirement(line)
        if requirement and "extra ==" not in str(requirement.marker or ""):
            found[line] = requirement
    return found


def _excludes(requirement: Requirement, versions: Mapping[str, str]) -> bool:
    version = versions.get(name_of(requirement.name) or "")
    return version is not None and not requirement.specifier.contains(version, prereleases=True)
