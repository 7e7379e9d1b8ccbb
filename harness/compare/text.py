"""The comparison as text for a terminal: the most important differences first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.compare.accepted import list_versions
from harness.compare.groups import Group, group_differences
from harness.compare.model import FOLDER, Comparison
from harness.compare.values import count_nouns
from harness.compare.verdicts import BY_IMPORTANCE, exit_code
from harness.shown_text import shown_text

MOST, DETAILS, NAMES = 20, 4, 12
"""Differences, lines of detail of each, and changed versions that are shown unless `everything` is."""
WIDEST = 60
"""Characters of a cell to which the other cells of its column are aligned."""


def format_text(comparison: Comparison, everything: bool = False, strict: bool = False, rest_in: str = "--all") -> str:
    """Return the report as text.

    `everything` shows each difference with all of its detail; otherwise `rest_in` names the option or file that does.
    """
    lines = _lines(comparison, everything, strict, rest_in)
    return shown_text("\n".join(line.replace("\n", " ") for line in lines) + "\n")


def _lines(comparison: Comparison, everything: bool, strict: bool, rest_in: str) -> Iterator[str]:
    for word, side in (("baseline ", comparison.baseline), ("candidate", comparison.candidate)):
        shards = f", {side.shards} shards" if side.shards > 1 else ""
        main = ", ".join(f"{name} {version}" for name, version in list(list_versions(side.versions).items())[:2])
        yield f"{word}  {side.label}: {count_nouns(side.scenarios, 'scenario')}{shards}{f', {main}' if main else ''}"
    yield from _list_changed_versions(comparison, everything, rest_in)
    for section in comparison.sections:
        yield from ("", section.title, *((f"  {section.note}",) if section.note else ()))
        yield from (f"  {row}" for row in _align([row for row in (section.header, *section.rows) if row]))
    if comparison.not_comparable is not None:
        yield from ("", f"not comparable: {comparison.not_comparable}")
        return
    yield from ("", summarise(comparison, strict))
    yield from (f"  FAILS  {problem}" for problem in comparison.problems)
    groups = group_differences([one for one in comparison.differences if one.accepted is None])
    for number, group in enumerate(groups if everything else groups[:MOST], start=1):
        yield from _format_group(number, group, everything)
    if len(groups) > MOST and not everything:
        yield f"... and {len(groups) - MOST} more: {rest_in} shows them"
    yield from _list_rest(comparison)


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows of a table as lines with aligned columns.

    Cells wider than WIDEST don't widen their column.
    """
    widths = [
        max((len(row[column]) for row in rows if column < len(row) and len(row[column]) <= WIDEST), default=0)
        for column in range(max(map(len, rows), default=0))
    ]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()


def _list_changed_versions(comparison: Comparison, everything: bool, rest_in: str) -> Iterator[str]:
    changed = list_changed_versions(comparison)
    shown = changed if everything else changed[:NAMES]
    more = f", and {len(changed) - len(shown)} more ({rest_in})" if len(changed) > len(shown) else ""
    yield f"versions   {', '.join(shown) or 'the same on both sides'}{more}"


def list_changed_versions(comparison: Comparison) -> list[str]:
    """Return `NAME OLD -> NEW` of each version that differs."""
    return [f"{name} {old} -> {new}" for name, old, new in find_changed_versions(comparison)]


def find_changed_versions(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Return name, old and new of each version that differs.

    Packages of Airflow come before other packages.
    """
    old, new = list_versions(comparison.baseline.versions), list_versions(comparison.candidate.versions)
    packages = {*comparison.baseline.versions.packages, *comparison.candidate.versions.packages}
    names = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]
    names.sort(key=lambda name: (name in packages) + (name in packages and not name.startswith("apache-airflow-")))
    return [(name, old.get(name, "(none)"), new.get(name, "(none)")) for name in names]


def summarise(comparison: Comparison, strict: bool = False) -> str:
    """Return one line: whether it fails, and the number of differences by verdict."""
    counts = [f"{count} {verdict}" for verdict in BY_IMPORTANCE if (count := comparison.count(verdict))]
    accepted = sum(one.accepted is not None for one in comparison.differences)
    if accepted:
        counts.append(f"{accepted} accepted")
    word = "FAILED" if exit_code(comparison, strict) else "passed"
    compared = count_nouns(len(comparison.scenarios), "scenario")
    return f"{word}: {compared} compared, {', '.join(counts) or 'no difference'}"


def _format_group(number: int, group: Group, everything: bool) -> Iterator[str]:
    one = group.first
    place = one.scenario if not one.run or one.scenario == FOLDER else f"{one.scenario} ({one.run})"
    yield f"{number:3}. {one.verdict}: {place}"
    yield f"     {one.service}: {group.field}: {group.message}"
    yield from (f"       {line}" for line in limit_lines(group.detail, None if everything else DETAILS))


def limit_lines(lines: Sequence[str], most: int | None) -> list[str]:
    if most is None or len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"... {len(lines) - most} more lines"]


def _list_rest(comparison: Comparison) -> Iterator[str]:
    accepted = group_differences([one for one in comparison.differences if one.accepted is not None])
    if accepted:
        yield from ("", "Accepted")
        yield from (f"  {each.first.verdict}: {each.field}: {each.message}: {each.first.accepted}" for each in accepted)
    if comparison.notes:
        yield from ("", "Notes", *(f"  {note}" for note in comparison.notes))
    yield from ("", "Not exercised by these scenarios")
    yield from (f"  {line}" for line in list_not_exercised(comparison))
    yield from ("  and what `airflow dags test` can't show:", *(f"  - {limit}" for limit in comparison.limits))


def list_not_exercised(comparison: Comparison) -> list[str]:
    """Return a line for each DAG with tasks that no scenario executed on both sides.

    If there is no such DAG, or if a side's DAGs are not known, return a line that says so.
    """
    if comparison.not_exercised is None:
        return ["not known: a side has no complete list of its DAGs"]
    return [
        f"DAG {one.dag_id}: {'no scenario runs it on both sides' if one.whole else ', '.join(one.tasks)}"
        for one in comparison.not_exercised
    ] or ["nothing: the scenarios ran every task of the dags folder on both sides"]
