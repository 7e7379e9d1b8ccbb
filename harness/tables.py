"""Tables, and numbers of things, as every command and the report on the terminal show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich import box
from rich.table import Table


def plain_table(*headings: str, numbers: Collection[str] = ()) -> Table:
    """A table with these columns and no frame; cells are folded, never cut, and `numbers` stand to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if heading in numbers else "left")
    return table


def format_counts(numbers: Mapping[str, int]) -> str:
    """`2 containers, 1 network`, by the word for one of each; without those of which there are none."""
    return ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in numbers.items() if number)
