"""The comparison as text for a terminal: the most important differences first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.compare.accepted import list_versions
from harness.compare.groups import Group, group_differences
from harness.compare.model import FOLDER, Comparison
from harness.compare.verdicts import BY_IMPORTANCE, exit_code
from harness.shown_text import shown_text

MOST, DETAILS, NAMES = 20, 4, 12
"""Differences, lines of detail of each, and changed versions that are shown without `--all`."""


def format_text(comparison: Comparison, everything: bool = False, strict: bool = False) -> str:
    """Return the report; `everything` shows each difference with all of its detail."""
    return shown_text("\n".join(_lines(comparison, everything, strict)) + "\n")


def _lines(comparison: Comparison, everything: bool, strict: bool) -> Iterator[str]:
    for word, side in (("baseline ", comparison.baseline), ("candidate", comparison.candidate)):
        shards = f", {side.shards} shards" if side.shards > 1 else ""
        main = ", ".join(f"{name} {version}" for name, version in list(list_versions(side.versions).items())[:2])
        yield f"{word}  {side.label}: {side.scenarios} scenarios{shards}{f', {main}' if main else ''}"
    yield from _list_changed_versions(comparison, everything)
    if comparison.not_comparable is not None:
        yield f"not comparable: {comparison.not_comparable}"
        return
    for section in comparison.sections:
        yield from ("", section.title, *((f"  {section.note}",) if section.note else ()))
        yield from (f"  {'  '.join(row)}" for row in (section.header, *section.rows) if row)
    yield from ("", summarise(comparison, strict))
    yield from (f"  FAILS  {problem}" for problem in comparison.problems)
    groups = group_differences([one for one in comparison.differences if one.accepted is None])
    for number, group in enumerate(groups if everything else groups[:MOST], start=1):
        yield from _format_group(number, group, everything)
    if len(groups) > MOST and not everything:
        yield f"... and {len(groups) - MOST} more: --all shows them"
    yield from _list_rest(comparison)


def _list_changed_versions(comparison: Comparison, everything: bool) -> Iterator[str]:
    changed = list_changed_versions(comparison)
    shown = changed if everything else changed[:NAMES]
    more = f", and {len(changed) - len(shown)} more (--all)" if len(changed) > len(shown) else ""
    yield f"versions   {', '.join(shown) or 'the same on both sides'}{more}"


def list_changed_versions(comparison: Comparison) -> list[str]:
    """Return `NAME OLD -> NEW` of each version that differs, packages of Airflow before other packages."""
    old, new = list_versions(comparison.baseline.versions), list_versions(comparison.candidate.versions)
    packages = {*comparison.baseline.versions.packages, *comparison.candidate.versions.packages}
    names = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]
    names.sort(key=lambda name: (name in packages) + (name in packages and not name.startswith("apache-airflow-")))
    return [f"{name} {old.get(name, '(none)')} -> {new.get(name, '(none)')}" for name in names]


def summarise(comparison: Comparison, strict: bool = False) -> str:
    """Return one line: whether it fails, and the number of differences by verdict."""
    counts = [f"{count} {verdict}" for verdict in BY_IMPORTANCE if (count := comparison.count(verdict))]
    accepted = sum(one.accepted is not None for one in comparison.differences)
    if accepted:
        counts.append(f"{accepted} accepted")
    word = "FAILED" if exit_code(comparison, strict) else "passed"
    return f"{word}: {len(comparison.scenarios)} scenarios compared, {', '.join(counts) or 'no difference'}"


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
    """Return a line for each DAG with tasks that no scenario executed on both sides."""
    return [
        f"DAG {one.dag_id}: {'no scenario runs it on both sides' if one.whole else ', '.join(one.tasks)}"
        for one in comparison.not_exercised
    ]
