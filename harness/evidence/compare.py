"""Compares two folders that `--harness-evidence` wrote: `python -m harness.evidence.compare [--of-first] BEFORE AFTER`.

Prints one line for each difference, and ends with 1 where there is any, or nothing to compare. With `--of-first` only
the scenarios of BEFORE are looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOT_COMPARED = {"containers_past_relay"}
"""What others do on the same engine."""


def differences(before: Path, after: Path, of_first: bool = False) -> list[str]:
    """One line each: the scenario, the place in its record, and both values. A scenario that one side lacks is one.

    With `of_first`, what AFTER alone has is none.
    """
    folders = (before,) if of_first else (before, after)
    names = sorted({file.name for folder in folders for file in folder.glob("*.json")})
    return [f"{name.removesuffix('.json')}: {line}" for name in names for line in _file(before / name, after / name)]


def _file(before: Path, after: Path) -> Iterator[str]:
    for file in (before, after):
        if not file.exists():
            yield f"only in {(after if file is before else before).parent}"
            return
    yield from _value("", json.loads(before.read_text()), json.loads(after.read_text()))


def _value(place: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted((before.keys() | after.keys()) - NOT_COMPARED):
            yield from _value(f"{place}.{key}", before.get(key, "(nothing)"), after.get(key, "(nothing)"))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _value(f"{place}[{number}]", one, other)
    elif before != after:
        yield f"{place or 'all'}: {_shown(before)} | {_shown(after)}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}..."


def main(before: Path, after: Path, of_first: bool = False) -> int:
    counts = [len(list(folder.glob("*.json"))) for folder in (before, after)]
    found = differences(before, after, of_first)
    for line in found:
        print(line)
    print(f"{before}: {counts[0]} scenarios, {after}: {counts[1]}; {len(found) or 'no'} differences")
    return 1 if found or not all(counts) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m harness.evidence.compare")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--of-first", action="store_true", help="look at the scenarios of BEFORE alone")
    given = parser.parse_args()
    sys.exit(main(given.before, given.after, given.of_first))
