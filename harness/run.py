"""One attempt at a run. Report, record and JSON are views of this class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from harness.airflow.facts import RunFacts
from harness.evidence.evidence import Evidence


def _nest(xcoms: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    """Group XComs by task id, because JSON has no pairs as keys."""
    nested: dict[str, dict[str, Any]] = {}
    for (task_id, key), value in xcoms.items():
        nested.setdefault(task_id, {})[key] = json_value(value)
    return nested


def json_value(value: Any) -> Any:
    """Convert `value` to JSON types.

    Texts become valid UTF-8, sets become sorted lists, and values of other types become texts.
    """

    def convert(other: object) -> Any:
        return sorted(other, key=repr) if isinstance(other, set | frozenset) else str(other)

    try:
        return json.loads(json.dumps(value, default=convert, ensure_ascii=False).encode(errors="replace"))
    except (TypeError, ValueError):  # a key of another type, or a list that contains itself
        return str(value).encode(errors="replace").decode()


def _flatten(nested: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], Any]:
    return {(task_id, key): value for task_id, values in nested.items() for key, value in values.items()}


XComs = Annotated[Mapping[tuple[str, str], Any], BeforeValidator(_flatten), PlainSerializer(_nest)]


@dataclass(frozen=True)
class Run(RunFacts):
    """One attempt to run one DAG for one date: the run's result and its evidence."""

    xcoms: XComs = field(default_factory=dict)
    """Decoded values by task id and key; in JSON by task id, then key. An object of another class stays the JSON that
    Airflow stores, and bytes of a custom backend stay bytes."""
    evidence: Evidence = field(default_factory=Evidence)
    refused: str | None = None
    """Why there is no result: the run was refused before any task ran, or was interrupted. All fields but DAG and date
    are then empty. None for a completed run."""

    recorded: Annotated[Path | None, Field(exclude=True)] = field(default=None, compare=False, repr=False)
    """The file with the run's document (harness.record.build.RecordedRun), if the world records its runs."""

    @property
    def succeeded(self) -> bool:
        """Whether the run was completed without a failure."""
        return self.failure is None and self.refused is None
