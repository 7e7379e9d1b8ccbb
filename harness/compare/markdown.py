"""The comparison as Markdown, for a step summary or a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from harness.compare.groups import Group, group_differences
from harness.compare.model import Comparison
from harness.compare.text import list_changed_versions, list_not_exercised, summarise
from harness.shown_text import shown_text

MOST: Final = 100
"""Rows of the table of differences; GitHub refuses a summary of more than 1 MiB."""


def format_markdown(comparison: Comparison, strict: bool = False) -> str:
    return shown_text("\n".join(_lines(comparison, strict)) + "\n")


def _lines(comparison: Comparison, strict: bool) -> Iterator[str]:
    yield f"## {_cell(comparison.baseline.label)} compared with {_cell(comparison.candidate.label)}"
    if comparison.not_comparable is not None:
        yield from ("", f"Not comparable: {_cell(comparison.not_comparable)}")
    else:
        yield from ("", f"**{_cell(summarise(comparison, strict))}**")
        versions = list_changed_versions(comparison)
        yield from ("", *_fold("Versions", [_cell(one) for one in versions] or ["the same on both sides"]))
    for section in comparison.sections:
        yield from ("", f"### {_cell(section.title)}", *(("", _cell(section.note)) if section.note else ()), "")
        yield from _table(section.header, section.rows)
    if comparison.not_comparable is not None:
        return
    yield from (("", *(f"- fails: {_cell(problem)}" for problem in comparison.problems)) if comparison.problems else ())
    open_groups = group_differences([one for one in comparison.differences if one.accepted is None])
    if open_groups:
        rows = [(str(n), *_row(group)) for n, group in enumerate(open_groups[:MOST], start=1)]
        yield from ("", *_table(("", "verdict", "scenario", "service", "field", "what changed"), rows, escaped=True))
    if len(open_groups) > MOST:
        yield from ("", f"and {len(open_groups) - MOST} more")
    accepted = group_differences([one for one in comparison.differences if one.accepted is not None])
    if accepted:
        rows = [(*_row(group), _cell(group.first.accepted or "")) for group in accepted]
        header = ("verdict", "scenario", "service", "field", "what changed", "reason")
        yield from ("", "### Accepted", "", *_table(header, rows, escaped=True))
    if comparison.notes:
        yield from ("", *_fold("Notes", [_cell(note) for note in comparison.notes]))
    left = [_cell(line) for line in (*list_not_exercised(comparison), *comparison.limits)]
    yield from ("", *_fold("Not exercised", left))


def _row(group: Group) -> tuple[str, ...]:
    one = group.first
    place = f"{one.scenario} ({one.run})" if one.run else one.scenario
    message = "<br>".join(_cell(line) for line in (group.message, *group.detail))
    return one.verdict, _cell(place), one.service, f"<code>{_cell(group.field)}</code>", message


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], escaped: bool = False) -> Iterator[str]:
    if not rows:
        return
    width = max(len(header), *(len(row) for row in rows))
    for row in ((*header, *[""] * (width - len(header))), ["---"] * width, *rows):
        yield f"| {' | '.join(cell if escaped or cell == '---' else _cell(cell) for cell in row)} |"


def _fold(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield from (
        f"<details><summary>{title} ({len(lines)})</summary>",
        "",
        *(f"- {line}" for line in lines),
        "",
        "</details>",
    )


def _cell(text: str) -> str:
    """Return the text in one line, without meaning as HTML or Markdown."""
    return re.sub(r"([\\`*_\[\]|~@])", r"\\\1", escape(" ".join(text.split()), quote=False))
