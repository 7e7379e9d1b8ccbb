"""Compares two folders that `--evidence` wrote: `python -m harness.evidence.compare BEFORE AFTER`.

Prints one line for each difference, and ends with 1 where there is any, or nothing to compare.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def differences(before: Path, after: Path) -> list[str]:
    """One line each: the scenario, the place in its record, and both values. A scenario that one side lacks is one."""
    names = sorted({file.name for folder in (before, after) for file in folder.glob("*.json")})
    return [f"{name.removesuffix('.json')}: {line}" for name in names for line in _file(before / name, after / name)]


def _file(before: Path, after: Path) -> Iterator[str]:
    for file in (before, after):
        if not file.exists():
            yield f"only in {(after if file is before else before).parent}"
            return
    yield from _value("", json.loads(before.read_text()), json.loads(after.read_text()))


def _value(place: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _value(f"{place}.{key}", before.get(key, "(nothing)"), after.get(key, "(nothing)"))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _value(f"{place}[{number}]", one, other)
    elif before != after:
        yield f"{place or 'all'}: {_shown(before)} | {_shown(after)}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}..."


def main(before: Path, after: Path) -> int:
    counts = [len(list(folder.glob("*.json"))) for folder in (before, after)]
    found = differences(before, after)
    for line in found:
        print(line)
    print(f"{before}: {counts[0]} scenarios, {after}: {counts[1]}; {len(found) or 'no'} differences")
    return 1 if found or not all(counts) else 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:3])))
