"""Measure the speed table with `python -m benchmarks`; `gate` compares with the release."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import gate, table
from benchmarks.inner import HERE, WORK
from benchmarks.measure import Measured, keep, measure, read
from benchmarks.rows import ROWS

RELEASED = HERE / "released.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 1 if a row could not be measured or the gate fails."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "gate":
        return _gate(read(chosen.measured), read(chosen.released))
    rows = [row for row in ROWS if row.number in chosen.rows] if chosen.rows else list(ROWS)
    if chosen.quick:
        rows = [row for row in rows if row.quick_turns]
    measured = Measured("", [], {})
    for measured in measure(rows, chosen.quick):
        keep(measured, chosen.json)
    table.show(measured.lines, measured.failed)
    print(f"written: {chosen.json} and {chosen.json.with_suffix('.md')}")
    return 1 if measured.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rows", type=_numbers, metavar="1,2,4", help="measure only these rows")
    parser.add_argument(
        "--quick", action="store_true", help="measure the gate's rows with few turns: about two minutes"
    )
    parser.add_argument("--json", type=Path, default=WORK / "table.json", metavar="FILE", help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", metavar="gate")
    gate_parser = commands.add_parser("gate", help="compare a measured FILE with the release's table")
    gate_parser.add_argument("measured", type=Path, nargs="?", default=WORK / "quick.json", metavar="FILE")
    gate_parser.add_argument("--released", type=Path, default=RELEASED, metavar="FILE")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _gate(measured: Measured, released: Measured) -> int:
    verdicts = gate.judge(measured.lines, released.lines, measured.failed)
    for verdict in verdicts:
        print(f"{'FAILED' if verdict.failed else 'ok':7} {verdict.key}: {verdict.why}")
    return 1 if any(verdict.failed for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
