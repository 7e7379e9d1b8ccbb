"""Tables and counts for the terminal, in the same form for every command and the report."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich import box
from rich.table import Table


def plain_table(*headings: str, numbers: Collection[str] = ()) -> Table:
    """Create a table without a frame; cells are folded, `numbers` are right-aligned."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if heading in numbers else "left")
    return table


def format_counts(numbers: Mapping[str, int]) -> str:
    """Format nonzero counts by singular noun, such as `2 containers, 1 network`."""
    return ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in numbers.items() if number)
