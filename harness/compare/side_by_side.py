"""The values of a difference as lines of the baseline beside lines of the candidate."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

from harness.compare.model import Difference

LINES: Final = 300
"""Lines of a value that are compared, which takes quadratic time at worst."""
LENGTH: Final = 2000
"""Characters of a line."""
WIDTH: Final = 130
"""Characters of a JSON value that is shown in one line, unless it has no members."""
CONTEXT: Final = 3
"""Equal lines that are shown before and after a line that differs."""
CUT: Final = re.compile(r"\.\.\. \(\d+ characters\)\Z")
"""The end of a value that is too large for the comparison."""
ROW: Final = re.compile(r"(row \d+): (.*)", re.DOTALL)


class Text(NamedTuple):
    """A line; `marked` is the part that differs from the other side."""

    start: str
    marked: str = ""
    end: str = ""


class Line(NamedTuple):
    """A line of both sides.

    `before` or `after` is None where the side has no line. `skipped`: this many equal lines are left out here.
    """

    before: Text | None = None
    after: Text | None = None
    changed: bool = False
    label: str = ""
    skipped: int = 0


class SideBySide(NamedTuple):
    """The lines, and the lines of the difference's detail that they don't show."""

    lines: tuple[Line, ...]
    detail: tuple[str, ...]


def put_side_by_side(one: Difference) -> SideBySide:
    """Return examples of a table's rows if the detail has some, else the values by line."""
    rows = {line: row for line in one.detail if (row := _show_row(one, line)) is not None}
    if rows:
        return SideBySide(tuple(rows.values()), tuple(line for line in one.detail if line not in rows))
    start = next((n for n, line in enumerate(one.detail) if re.fullmatch(r"from line \d+ on:", line)), None)
    if start is None:
        return SideBySide(tuple(_show_values(one)), one.detail)
    end = next((n for n, line in enumerate(one.detail) if n > start and line[:1] not in "+-"), len(one.detail))
    rest = (*one.detail[:start], *one.detail[end:])
    if not all(isinstance(value, str) and not CUT.search(value) for value in (one.before, one.after)):
        return SideBySide(tuple(_show_changed_lines(one.detail[start], one.detail[start + 1 : end])), rest)
    return SideBySide(tuple(_show_values(one)), tuple(line for line in rest if not line.endswith(" more lines")))


def _show_row(one: Difference, line: str) -> Line | None:
    """Return an example such as `row 3: 1 -> 2`, or None.

    Return None for other lines, and for values that have an arrow themselves.
    """
    match = ROW.fullmatch(line)
    if match is None:
        return None
    label, text = match.groups()
    if one.field.endswith(".removed_rows"):
        return Line(_whole(text), None, changed=True, label=label)
    if one.field.endswith(".added_rows"):
        return Line(None, _whole(text), changed=True, label=label)
    values = text.split(" -> ")
    return Line(*_mark(*values), changed=True, label=label) if len(values) == 2 else None


def _show_changed_lines(label: str, changed: Sequence[str]) -> Iterator[Line]:
    old, new = ([line[1:] for line in changed if line.startswith(sign)] for sign in "-+")
    for number, line in enumerate(_pair_lines(old, new)):
        yield line._replace(label="" if number else label.rstrip(":"))


def _show_values(one: Difference) -> Iterator[Line]:
    if one.absent is None and one.before is None and one.after is None:
        return
    texts = all(isinstance(value, str) for value in (one.before, one.after)) or one.absent is not None
    old = [] if one.absent == "baseline" else _split(one.before, texts)
    new = [] if one.absent == "candidate" else _split(one.after, texts)
    matcher = SequenceMatcher(None, old[:LINES], new[:LINES], autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            yield from _shorten(old[start:end], first=start == 0, last=end == len(old) and new_end == len(new))
        else:
            yield from _pair_lines(old[start:end], new[new_start:new_end])
    left = max(len(old), len(new)) - LINES
    if left > 0:
        yield Line(skipped=left)


def _split(value: Any, as_text: bool) -> list[str]:
    """Return the lines of a text, or of the indented JSON of another value."""
    if isinstance(value, str) and CUT.search(value):
        value = _read_cut(value)
    elif not isinstance(value, str) or not as_text or not value:
        return list(_format_json(value))
    return [str(line) for line in value.split("\n")]


def _format_json(value: Any, indent: str = "", name: str = "", comma: str = "") -> Iterator[str]:
    """Yield the lines of a value; what fits into one line is not split."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= WIDTH or not isinstance(value, dict | list):
        yield f"{indent}{name}{text}{comma}"
        return
    yield f"{indent}{name}{text[0]}"
    names = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value] if isinstance(value, dict) else []
    members = list(value.values() if isinstance(value, dict) else value)
    for number, member in enumerate(members):
        more = "," if number < len(members) - 1 else ""
        yield from _format_json(member, f"{indent}  ", names[number] if names else "", more)
    yield f"{indent}{text[-1]}{comma}"


def _read_cut(value: str) -> str:
    """Return a cut text without the escapes of JSON.

    A cut value of another kind stays as it is.
    """
    match = CUT.search(value)
    if match is None or not value.startswith('"'):
        return value
    try:
        return f"{json.loads(value[: match.start()].rstrip(chr(92)) + chr(34))}{match[0]}"
    except ValueError:  # cut within an escape
        return value


def _pair_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    for number in range(max(len(old), len(new))):
        if number >= len(new):
            yield Line(_whole(old[number]), None, changed=True)
        elif number >= len(old):
            yield Line(None, _whole(new[number]), changed=True)
        else:
            yield Line(*_mark(old[number], new[number]), changed=True)


def _shorten(lines: Sequence[str], first: bool, last: bool) -> Iterator[Line]:
    """Yield equal lines; of many, only those next to a line that differs."""
    before, after = 0 if first else CONTEXT, 0 if last else CONTEXT
    if len(lines) <= before + after + 1:
        before, after = len(lines), 0
    skipped = len(lines) - before - after
    for number, line in enumerate(lines):
        if number < before or number >= len(lines) - after:
            yield Line(Text(_cut(line)), Text(_cut(line)))
        elif number == before:
            yield Line(skipped=skipped)


def _mark(before: str, after: str) -> tuple[Text, Text]:
    """Return both lines with what differs between their common start and end."""
    before, after = _cut(before), _cut(after)
    start = _count_equal(before, after)
    end = _count_equal(before[start:][::-1], after[start:][::-1])
    one, other = (
        Text(text[:start], text[start : len(text) - end], text[len(text) - end :]) for text in (before, after)
    )
    return one, other


def _count_equal(before: str, after: str) -> int:
    """Return the length of the common start."""
    most = min(len(before), len(after))
    return next((at for at in range(most) if before[at] != after[at]), most)


def _whole(line: str) -> Text:
    return Text(_cut(line))


def _cut(line: str) -> str:
    return line if len(line) <= LENGTH else f"{line[:LENGTH]}... ({len(line)} characters)"
