"""Read the pairs of versions and their cases."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CASES = HERE / "cases"
NO_DIFFERENCE = "no difference"
NOT_DAGS = ("case.toml", "test_case.py")
"""Files of a case that are not copied to the dags folder."""


@dataclass(frozen=True)
class Pair:
    """Two sides of an upgrade; pairs.toml explains the fields."""

    name: str
    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    python: str | None = None
    baseline_environment: str | None = None
    candidate_environment: str | None = None
    embedded: bool = True
    sample: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """The difference that the comparison must show. `field` is a glob."""

    verdict: str
    service: str = "*"
    field: str = "*"
    task: str | None = None
    message: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    folder: Path
    title: str
    source: str
    dag_id: str
    date: str
    reproduced: str
    expect: Expected
    why_missed: str = ""
    scenario: bool = True
    conf: Mapping[str, Any] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    project: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.name


def read_pairs() -> dict[str, Pair]:
    """Return all pairs by name."""
    tables = tomllib.loads((HERE / "pairs.toml").read_text())
    return {name: Pair(name=name, **_tuples(table)) for name, table in tables.items()}


def read_cases(pair: str) -> list[Case]:
    """Return the cases of a pair, in order of their names."""
    return [read_case(path.parent) for path in sorted((CASES / pair).glob("*/case.toml"))]


def read_case(folder: Path) -> Case:
    table = tomllib.loads((folder / "case.toml").read_text())
    return Case(folder=folder, expect=Expected(**_tuples(table.pop("expect"))), **table)


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
