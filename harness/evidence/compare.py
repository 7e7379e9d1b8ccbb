"""Compare two folders of evidence that `--harness-evidence` wrote.

`python -m harness.evidence.compare [--of-first] BEFORE AFTER`

Prints one line for each difference. Exits with 1 if there is any difference, or nothing to compare. With `--of-first`
only the scenarios of BEFORE are compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.evidence.document import FOLDER_FILE, SESSION_FILE

NOT_COMPARED = {"containers_past_relay", "order"}
"""Keys that depend on other users of the same engine, or on the scheduler of the operating system."""
NO_SCENARIOS = {SESSION_FILE, FOLDER_FILE}


def find_differences(before: Path, after: Path, of_first: bool = False) -> list[str]:
    """Return one line for each difference: scenario, place in the record, both values.

    A scenario that one side lacks counts as a difference; with `of_first`, only if AFTER lacks the scenario.
    """
    folders = (before,) if of_first else (before, after)
    names = sorted({file.name for folder in folders for file in list_files(folder)})
    pairs = ((name.removesuffix(".json"), before / name, after / name) for name in names)
    return [f"{scenario}: {line}" for scenario, old, new in pairs for line in _compare_files(old, new)]


def list_files(folder: Path) -> list[Path]:
    """Return the files of scenarios."""
    return [file for file in folder.glob("*.json") if file.name not in NO_SCENARIOS]


def _compare_files(before: Path, after: Path) -> Iterator[str]:
    for file in (before, after):
        if not file.exists():
            yield f"only in {(after if file is before else before).parent}"
            return
    yield from _compare_values("", json.loads(before.read_text()), json.loads(after.read_text()))


def _compare_values(place: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted((before.keys() | after.keys()) - NOT_COMPARED):
            yield from _compare_values(f"{place}.{key}", before.get(key, "(nothing)"), after.get(key, "(nothing)"))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _compare_values(f"{place}[{number}]", old, new)
    elif before != after:
        yield f"{place or 'all'}: {_format(before)} | {_format(after)}"


def _format(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}..."


def main(before: Path, after: Path, of_first: bool = False) -> int:
    counts = [len(list_files(folder)) for folder in (before, after)]
    lines = find_differences(before, after, of_first)
    for line in lines:
        print(line)
    print(f"{before}: {counts[0]} scenarios, {after}: {counts[1]}; {len(lines) or 'no'} differences")
    return 1 if lines or not all(counts) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m harness.evidence.compare")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--of-first", action="store_true", help="compare only the scenarios of BEFORE")
    options = parser.parse_args()
    sys.exit(main(options.before, options.after, options.of_first))
