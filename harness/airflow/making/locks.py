"""The packages of an Airflow environment, pinned, and the Python that they are for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

NAME = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)")
FILES = ("-r ", "-c ")
"""What `uv pip compile` says of a package that a file names: `# via -r in.txt`."""


@dataclass(frozen=True)
class Lock:
    """The packages of one environment.

    - `python`: the command of an interpreter, and `python_version` its full version.
    - `requirements`: a line for each package: `NAME==VERSION`, `NAME @ URL` or `-e FOLDER`.
    - `top_level`: the requirements, without versions, of the packages that no other package requires.
    - `source`: where the versions come from, in a few words.
    - `notes`: lines for the user.
    - `interpreter`: that of an environment which exists already, as the project has it.
    - `projects`: what the packages that come from an address require, by their line of `requirements`.
    """

    python: str
    python_version: str
    requirements: tuple[str, ...]
    top_level: tuple[str, ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()
    interpreter: Path | None = None
    projects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The lines of a requirements file."""
        return "".join(f"{line}\n" for line in self.requirements)

    @property
    def packages(self) -> dict[str, str]:
        """Version by normalised name, without packages that come from an address."""
        pins = (line.partition(";")[0].partition("==") for line in self.requirements)
        return {canonicalize_name(name.partition("[")[0]): version.strip() for name, _, version in pins if version}

    @property
    def airflow(self) -> str | None:
        """The version of Airflow."""
        return self.packages.get("apache-airflow") or self.packages.get("apache-airflow-core")


def name_of(line: str) -> str | None:
    """Return the normalised name of the package in a line of a requirements file.

    None for other lines.
    """
    match = NAME.match(line)
    return canonicalize_name(match["name"]) if match else None


def parse_requirement(text: str) -> Requirement | None:
    """Return the requirement, None if the text is none."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def read_resolved(output: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the requirements in uv's output, and those that no other package requires.

    The output must be that of `uv pip compile` with `--annotation-style line`: `six==1.17.0  # via python-dateutil`.
    """
    requirements, top_level = [], []
    for line in output.splitlines():
        requirement, _, comment = (part.strip() for part in line.partition(" # "))
        if not requirement or requirement.startswith("#"):
            continue
        requirements.append(requirement)
        by = [part.strip() for part in comment.removeprefix("via ").split(",")]
        if all(part.startswith(FILES) for part in by):
            top_level.append(requirement.partition("==")[0])
    return tuple(requirements), tuple(top_level)
