"""The table of `harness matrix` as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from harness.report.markdown import escape_text
from harness.tables import plain_table
from harness.upgrade.matrix import Column, Matrix

MARKS = {"passed": "✅ passed", "changed": "🔶 changed", "failed": "❌ failed", "not run": "⏭️ not run"}


def print_matrix(matrix: Matrix, console: Console) -> None:
    """Print the table, then what each combination consists of and the reasons."""
    table = plain_table("scenario", *(column.name for column in matrix.columns))
    names = shorten(matrix.scenarios)
    for scenario in matrix.scenarios:
        results = (column.cell(scenario).result for column in matrix.columns)
        table.add_row(escape(names[scenario]), *results)
    console.print(table)
    for line in list_not_compared(matrix):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for column in matrix.columns:
        for line in list_remarks(column, names):
            console.print(f"{column.name}: {line}", highlight=False, markup=False, soft_wrap=True)


def format_markdown(matrix: Matrix) -> str:
    """Return the same as Markdown, for GitHub's step summary."""
    names = shorten(matrix.scenarios)
    lines = ["## Scenarios by combination", ""]
    lines += [_row("scenario", *(column.name for column in matrix.columns)), _row(*["---"] * (len(matrix.columns) + 1))]
    for scenario in matrix.scenarios:
        marks = (MARKS[column.cell(scenario).result] for column in matrix.columns)
        lines.append(_row(escape_text(names[scenario]), *marks))
    remarks = [f"- {line}" for line in list_not_compared(matrix)]
    remarks += [
        f"- {column.name}: {escape_text(one)}" for column in matrix.columns for one in list_remarks(column, names)
    ]
    return "\n".join([*lines, "", *remarks, ""])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def shorten(scenarios: list[str]) -> dict[str, str]:
    """Map each scenario to its node id without the folder, if all files have different names."""
    files = {scenario.partition("::")[0] for scenario in scenarios}
    if len({file.rpartition("/")[2] for file in files}) < len(files):
        return {scenario: scenario for scenario in scenarios}
    folders = {scenario: scenario.partition("::")[0].rpartition("/")[0] for scenario in scenarios}
    return {scenario: scenario.removeprefix(folder).lstrip("/") for scenario, folder in folders.items()}


def list_not_compared(matrix: Matrix) -> Iterator[str]:
    """Yield why no scenario of a combination can be shown as changed."""
    first, *others = matrix.columns
    others = [column for column in others if not column.failed]
    if first.failed and others:
        yield f"{first.name}, the first combination, has no results, so no scenario is shown as changed"
    for column in others:
        if not first.failed and not first.cells.keys() & column.cells.keys():
            yield (f"{column.name} has no scenario of {first.name}, the first combination, so none is shown as changed")


def list_remarks(column: Column, names: dict[str, str]) -> Iterator[str]:
    """Yield the versions, or why there are no results.

    After the versions, yield the scenarios that did not just pass, by reason.
    """
    if column.failed:
        yield f"no results: {column.failed}"
        return
    if column.versions:
        images = (f"{name} {image.version or image.reference}" for name, image in column.versions.images.items())
        packages = (f"Airflow {column.versions.airflow}", f"Python {column.versions.python}")
        yield ", ".join([*packages, *images])
    by_reason: dict[tuple[str, str], list[str]] = {}
    for scenario, name in names.items():
        cell = column.cell(scenario)
        if cell.reason:
            by_reason.setdefault((cell.result, cell.reason), []).append(name)
    for (result, reason), scenarios in by_reason.items():
        yield f"{result}: {', '.join(scenarios)}: {reason}"
