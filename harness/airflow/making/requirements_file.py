"""Read a requirements file beside which other targets name packages.

The file's lines for these packages yield to the targets.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from harness.airflow.making.current import AIRFLOW_ITSELF
from harness.airflow.making.locks import Lock, name_of, parse_requirement

CONTINUED = re.compile(r"\\\n")
COMMENT_OR_HASH = re.compile(r"(^|\s)#.*|\s--hash[= ]\S+")
INCLUDED = re.compile(
    r"""(?P<option>-r|-c|--requirement|--constraint)[\s=]*(?P<quote>["']?)(?P<name>[^\s="'].*?)(?P=quote)"""
)
ADDRESS = re.compile(r"\w+://")


def read_lines(file: Path) -> list[str]:
    """Return the lines without comments and hashes.

    Files that the lines include have absolute names, without quotes.
    """
    lines = strip_comments(file.read_text(errors="replace"))
    return [_locate(found, file.parent) if (found := INCLUDED.fullmatch(line)) else line for line in lines]


def _locate(included: re.Match[str], folder: Path) -> str:
    name = included["name"]
    return f"{included['option']} {name if ADDRESS.match(name) else folder / name}"


def strip_comments(text: str) -> list[str]:
    """Return the lines of a requirements file without comments and hashes."""
    lines = (COMMENT_OR_HASH.sub("", line).strip() for line in CONTINUED.sub(" ", text).splitlines())
    return list(filter(None, lines))


def read_lock(file: Path, before: Lock) -> Lock | None:
    """Return the packages of a file that pins all of them, Airflow too, as an environment.

    The environment has the Python of `before`. None for any other file. A lock does not say which packages the project
    itself names, so all of them count.
    """
    lines = read_lines(file)
    options = [line for line in lines if line.startswith("-")]
    parsed = [_parse_pin(line) for line in lines if line not in options]
    pins = [pin for pin in parsed if pin]
    if len(pins) < len(parsed) or any(line.startswith(("-r", "--requirement")) for line in options):
        return None
    names = [_without_version(pin) for pin in pins if name_of(pin.name) not in AIRFLOW_ITSELF]
    requirements = tuple(map(str, pins))
    lock = Lock(before.python, before.python_version, requirements, (*options, *names), source="the file")
    return lock if lock.airflow else None


def is_pin(line: str) -> bool:
    """Whether one version alone fulfils this line."""
    pin = _parse_pin(line)
    return pin is not None and not pin.url


def _parse_pin(line: str) -> Requirement | None:
    """Return the requirement of a line, None if versions other than one fulfil it."""
    requirement = parse_requirement(line)
    if requirement is None:
        return None
    (operator, version) = next(((one.operator, one.version) for one in requirement.specifier), ("", ""))
    is_pin = len(requirement.specifier) == 1 and operator == "==" and not version.endswith("*")
    return requirement if is_pin or requirement.url else None


def keep_extras(lines: Iterable[str], names: Container[str]) -> list[str]:
    """Return the lines of these packages that have extras, without their versions.

    Beside `apache-airflow==3.3.2`, a line `apache-airflow[celery]` adds what the extra requires.
    """
    found = []
    for line in lines:
        requirement = parse_requirement(line)
        if requirement and requirement.extras and name_of(requirement.name) in names:
            requirement.url = None
            found.append(_without_version(requirement))
    return found


def _without_version(requirement: Requirement) -> str:
    if requirement.url:
        return str(requirement)
    free = Requirement(str(requirement))
    free.specifier = SpecifierSet()
    return str(free)
