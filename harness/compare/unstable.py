"""Fields that differ between two runs of the same versions.

They are learned from the baseline and its repeat, and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from harness.compare.model import Data
from harness.compare.names import NamePattern, find_constant, find_patterns
from harness.compare.read import UNSTABLE_FILE, parse_json
from harness.compare.verdicts import Path as FieldPath
from harness.errors import NotComparableError
from harness.evidence.document import RunDocument
from harness.output import output_errors, write

SCHEMA_VERSION: Final = 1


class UnstableField(Data):
    """A field that differs, as the parts of its path, with the two values as texts."""

    scenario: str
    run: str
    service: str
    path: tuple[str, ...]
    message: str


class UnstableNames(Data):
    """A pattern of names in a container, such as a bucket's keys, that differ in every run.

    `constant`: names that match it although both runs have them.
    """

    scenario: str
    run: str
    container: str
    pattern: str
    constant: tuple[str, ...] = ()


class UnstableFields(Data):
    """What differs between a baseline and its repeat, in these scenarios.

    `flaky`: differences in a status, an exit code or the like, which are never filtered.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["unstable fields"] = "unstable fields"
    scenarios: tuple[str, ...] = ()
    fields: tuple[UnstableField, ...] = ()
    names: tuple[UnstableNames, ...] = ()
    flaky: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnstableIndex:
    """Unstable fields by scenario and run.

    Fields are paths, because a name can have dots: `report.csv` is not below `report`.
    """

    fields: Mapping[tuple[str, str], set[FieldPath]] = field(default_factory=dict)
    names: Mapping[tuple[str, str], Mapping[str, list[NamePattern]]] = field(default_factory=dict)

    def is_unstable(self, scenario: str, run: str, path: FieldPath) -> bool:
        """Return whether the field or one above it is unstable. Positions in lists don't count."""
        known = self.fields.get((scenario, run))
        return known is not None and any(above in known for above in _list_above(path))

    def patterns(self, scenario: str, run: str, container: str) -> list[NamePattern]:
        return list(self.names.get((scenario, run), {}).get(container, ()))


def index_fields(unstable: UnstableFields) -> UnstableIndex:
    fields: dict[tuple[str, str], set[FieldPath]] = {}
    for one in unstable.fields:
        fields.setdefault((one.scenario, one.run), set()).add(tuple(map(without_positions, one.path)))
    names: dict[tuple[str, str], dict[str, list[NamePattern]]] = {}
    for each in unstable.names:
        names.setdefault((each.scenario, each.run), {}).setdefault(each.container, []).append(
            (each.pattern, each.constant)
        )
    return UnstableIndex(fields, names)


def without_positions(name: str) -> str:
    return re.sub(r"\[\d+\]", "[*]", name)


def _list_above(path: FieldPath) -> Iterator[FieldPath]:
    """Yield the field and each one above it, without positions. A list is above its items."""
    plain = tuple(map(without_positions, path))
    for end, name in enumerate(plain):
        yield (*plain[:end], name)
        while name.endswith("[*]"):
            name = name.removesuffix("[*]")
            yield (*plain[:end], name)


def find_unstable_names(before: RunDocument, after: RunDocument) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield container, pattern and constant names, where names differ between two runs."""
    old, new = dict(_list_containers(before)), dict(_list_containers(after))
    for container in sorted(old.keys() & new.keys()):
        gone = sorted(old[container].keys() - new[container].keys())
        came = sorted(new[container].keys() - old[container].keys())
        for pattern in find_patterns(gone, came) if gone and came else ():
            yield container, pattern, find_constant(sorted(old[container].keys() & new[container].keys()), pattern)


def _list_containers(run: RunDocument) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each part of a run whose names programs may generate."""
    for above, containers in (
        ("objects", run.objects),
        ("aws.objects", run.aws.objects),
        ("aws.resources", run.aws.resources),
        ("aws.logs", run.aws.logs),
        ("xcoms", run.xcoms),
    ):
        for name, entries in containers.items():
            yield f"{above}.{name}", entries


def read_unstable(folders: Sequence[Path], scenarios: Set[str]) -> UnstableFields | None:
    """Return the unstable fields that were kept beside the evidence.

    Return None unless they cover one of the scenarios. Each of the folders, the shards of a side, can have some. Raises
    NotComparableError if a file is damaged.
    """
    kept = [unstable for folder in folders if (unstable := _read(folder)) and scenarios & set(unstable.scenarios)]
    if not kept:
        return None
    parts = ("scenarios", "fields", "names", "flaky")
    return UnstableFields(
        **{part: tuple(dict.fromkeys(value for one in kept for value in getattr(one, part))) for part in parts}
    )


def _read(folder: Path) -> UnstableFields | None:
    file = folder / UNSTABLE_FILE
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotComparableError(f"{file} can't be read ({error.strerror}): remove it") from error
    try:
        return UnstableFields.model_validate(parse_json(str(file), content))
    except ValidationError as error:
        raise NotComparableError(f"{file} has no unstable fields of this release: remove it") from error


def write_unstable(folder: Path, unstable: UnstableFields) -> None:
    """Keep the unstable fields beside the evidence. Raises OutputError."""
    file = folder / UNSTABLE_FILE
    with output_errors("unstable fields", file):
        write(file, unstable.model_dump_json(indent=1) + "\n")
