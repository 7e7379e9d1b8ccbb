"""Tables as every command and the report on the terminal show them."""

from __future__ import annotations

from collections.abc import Collection

from rich import box
from rich.table import Table


def plain_table(*headings: str, numbers: Collection[str] = ()) -> Table:
    """A table with these columns and no frame; cells are folded, never cut, and `numbers` stand to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if heading in numbers else "left")
    return table
