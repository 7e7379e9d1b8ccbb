"""The constraints that a requirements file names, where another target moves a package that they pin."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.airflow.installers import CREDENTIALS
from harness.airflow.making.index import fetch
from harness.airflow.making.locks import name_of
from harness.airflow.making.requirements_file import is_pin, strip_comments
from harness.airflow.making.targets import Wanted

LINE = re.compile(r"(?:-c|--constraint) (?P<source>.+)")
OFFICIAL = re.compile(r".*/constraints-(?P<airflow>\d[^/]*)/constraints-[^/]*")
ADDRESS = re.compile("https?://")


@dataclass(frozen=True)
class Loosened:
    """The lines of a requirements file, and what remains of the constraints that are taken out of them.

    `pins` stay unless they conflict, `bounds` hold. `other_airflow` says whether constraints of an Airflow that the
    targets replace were left out. `notes` tell the user.
    """

    lines: tuple[str, ...]
    pins: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    other_airflow: bool = False
    notes: tuple[str, ...] = ()


def loosen_constraints(lines: Sequence[str], wanted: Wanted, env: Mapping[str, str]) -> Loosened:
    """Take out of the lines the constraints with which the named packages may conflict.

    Airflow's official constraints pin hundreds of packages, with which neither another Airflow nor, often, a moved
    package goes together. Constraints that can't be read stay in their line, so that uv says why.
    """
    named = {*wanted.packages, *(["apache-airflow"] if wanted.airflow else [])}
    if not named:
        return Loosened(tuple(lines))
    kept: list[str] = []
    pins: list[str] = []
    bounds: list[str] = []
    notes: list[str] = []
    other_airflow = False
    for line in lines:
        match = LINE.fullmatch(line)
        source = match["source"] if match else ""
        if source and wanted.airflow and _is_of_other_airflow(source, wanted.airflow, env):
            other_airflow = True
            notes.append(f"left out, as Airflow moves: constraints {mask(source)}")
            continue
        own = _read(source, env) if source else []
        if not any(map(is_pin, own)):
            kept.append(line)
            continue
        free = [constraint for constraint in own if name_of(constraint) not in named]
        pins += filter(is_pin, free)
        bounds += (constraint for constraint in free if not is_pin(constraint))
        notes.append(f"yield to what conflicts with them: constraints {mask(source)}")
    return Loosened(tuple(kept), tuple(pins), tuple(bounds), other_airflow, tuple(notes))


def _is_of_other_airflow(source: str, airflow: str, env: Mapping[str, str]) -> bool:
    if match := OFFICIAL.fullmatch(source):
        return match["airflow"] != airflow
    return any((name_of(line) or "").startswith("apache-airflow") for line in _read(source, env))


def _read(source: str, env: Mapping[str, str]) -> list[str]:
    """Return the constraints, none if they can't be read."""
    try:
        return strip_comments(read_text(source, env))
    except (OSError, UnicodeDecodeError):
        return []


def read_text(source: str, env: Mapping[str, str]) -> str:
    """Return the text of a file or an address. Raises OSError, as requests' errors are, or UnicodeDecodeError."""
    return fetch(source, env) if ADDRESS.match(source) else Path(source).read_text()


def mask(address: str) -> str:
    """Return the address without a user and a password."""
    return CREDENTIALS.sub("//***@", address)
