"""Print the speed table on the terminal, and write it as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.figures import Goal, Line

HEADINGS = ("#", "what", "ours", "against", "figure", "goal", "")


def cells(line: Line) -> tuple[str, ...]:
    """Format a line of the table: medians with (min .. max) of the measurements."""
    return (
        str(line.row),
        f"{line.what} ({line.note})" if line.note else line.what,
        spread(line.ours, line.unit) if line.is_ratio else "",
        spread(line.against, line.unit) if line.is_ratio else "",
        figure(line),
        _goal(line.goal, line.unit if not line.is_ratio else ""),
        "" if line.met is None else "met" if line.met else "NOT MET",
    )


def figure(line: Line) -> str:
    if not line.is_ratio:
        return spread(line.ours, line.unit)
    text = number(line.figure)
    if len(line.figures) > 1:
        text += f" ({number(min(line.figures))} .. {number(max(line.figures))})"
    return text


def spread(values: Sequence[float], unit: str) -> str:
    """Format the median with minimum and maximum: `0.42 s (0.40 .. 0.51)`."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    text = f"{number(median)} {unit}"
    return text if len(ordered) == 1 else f"{text} ({number(ordered[0])} .. {number(ordered[-1])})"


def number(value: float) -> str:
    """Format a number with about three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def _goal(goal: Goal | None, unit: str) -> str:
    if goal is None:
        return "reported"
    return f"at {'least' if goal.at_least else 'most'} {goal.bound:g} {unit}".rstrip()


def show(lines: Sequence[Line], failed: dict[str, str]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*(escape(cell) for cell in cells(line)))
    console = Console(width=None if Console().is_terminal else 160)
    console.print(table)
    for row, why in failed.items():
        console.print(f"row {row} could not be measured: {why}", markup=False)


def write_markdown(file: Path, lines: Sequence[Line], failed: dict[str, str], machine: str) -> None:
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(cells(line) for line in lines)]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    missing = "".join(f"\nRow {row} could not be measured: {why}\n" for row, why in failed.items())
    file.write_text(f"{machine}\n\n{text}\n{missing}")
