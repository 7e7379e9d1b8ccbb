"""Compare objects of a store and watched tables, and say where their contents differ."""

from __future__ import annotations

import base64
import csv
import difflib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from harness.compare.change import Change, IsUnstable
from harness.compare.model import Service
from harness.compare.rows import EXAMPLES, Row, compare_rows
from harness.compare.values import find_leaves, show
from harness.compare.verdicts import ABSENT, Path
from harness.evidence.document import ObjectDocument, TableDocument

TEXT_LINES: Final = 12
"""Lines of a line-by-line difference in the report."""
COMPARED_LINES: Final = 2000
"""Lines of the longest text that is compared line by line, which takes quadratic time at worst."""
DELIMITERS: Final = ",;\t|"


def compare_objects(
    path: Path, service: Service, before: ObjectDocument, after: ObjectDocument, is_unstable: IsUnstable
) -> Iterator[Change]:
    """Yield the changes of one object: content type, metadata, tags and content.

    The content is compared by its format: as rows, JSON, text or bytes.
    """
    for name in ("content_type", "metadata", "tags"):
        for at, old, new in find_leaves((*path, name), getattr(before, name), getattr(after, name)):
            yield Change(at, old, new, service)
    if before.sha256 == after.sha256:
        return
    changes = list(_compare_contents(path, service, before, after, is_unstable))
    size = (f"size {before.size} -> {after.size} bytes",) if before.size != after.size else ()
    if changes:
        first, *others = changes
        yield Change(
            first.path, first.before, first.after, service, message=first.message, detail=(*first.detail, *size)
        )
        yield from others
        return
    yield Change((*path, "sha256"), before.sha256, after.sha256, service, message=_explain(before, after), detail=size)


def _explain(before: ObjectDocument, after: ObjectDocument) -> str:
    if before.text is not None and before.text == after.text:
        return "the content differs only in what is masked as a secret"
    return "the content differs"


def _compare_contents(
    path: Path, service: Service, before: ObjectDocument, after: ObjectDocument, is_unstable: IsUnstable
) -> Iterator[Change]:
    if before.table is not None and after.table is not None and before.table.format == after.table.format:
        old, new = read_rows(before), read_rows(after)
        one_object = before.table.format == "json" and before.table.rows == after.table.rows == 1
        if before.text is None or after.text is None:
            yield from _compare_digests(path, service, before, after)
            return
        if old is not None and new is not None and not one_object:
            types = (before.table.columns, after.table.columns)
            changes = list(compare_rows(path, service, old, new, below(path, is_unstable), types))
            if changes:
                yield from changes
                return
    if before.text is None or after.text is None or before.text == after.text:
        if before.base64 is not None and after.base64 is not None:
            yield _compare_bytes(path, service, before.base64, after.base64)
        return
    document = _read_json(before.text), _read_json(after.text)
    if all(isinstance(one, dict | list) for one in document):
        leaves = list(find_leaves((*path, "json"), *document))
        if leaves:
            for at, old_value, new_value in leaves:
                yield Change(at, old_value, new_value, service)
            return
    yield _compare_texts((*path, "text"), service, before.text, after.text)


def below(path: Path, is_unstable: IsUnstable) -> Callable[[str], bool]:
    """Return whether the values of a column of this table are unstable."""
    return lambda column: is_unstable((*path, "values", column))


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def read_rows(document: ObjectDocument) -> list[Row] | None:
    """Return the rows of a tabular object, or None.

    Return None if text or summary is missing, or if the text can't be read or does not have the summary's row count.
    """
    if document.text is None or document.table is None:
        return None
    try:
        rows = _READERS[document.table.format](document.text, list(document.table.columns))
    except (ValueError, RecursionError, csv.Error, KeyError):
        return None
    return rows if len(rows) == document.table.rows else None


def _read_csv(text: str, columns: Sequence[str]) -> list[Row]:
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)  # the first one if there is only a column
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(reader, None)
    return [dict(zip(columns, row, strict=False)) for row in reader if row]


def _read_lines(text: str, columns: Sequence[str]) -> list[Row]:
    return _as_rows([json.loads(line) for line in text.splitlines() if line.strip()])


def _read_list(text: str, columns: Sequence[str]) -> list[Row]:
    value = json.loads(text)
    return _as_rows(value if isinstance(value, list) else [value])


def _as_rows(values: Any) -> list[Row]:
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ValueError("not a list of objects")
    return values


_READERS: Final = {"csv": _read_csv, "json lines": _read_lines, "json": _read_list}


def _compare_digests(path: Path, service: Service, before: ObjectDocument, after: ObjectDocument) -> Iterator[Change]:
    """Compare tables whose content the evidence does not hold, by the digests of their rows."""
    old, new = before.table, after.table
    assert old is not None
    assert new is not None
    for column in dict.fromkeys((*old.columns, *new.columns)):
        types = old.columns.get(column, ABSENT), new.columns.get(column, ABSENT)
        if types[0] != types[1]:
            yield Change(
                (*path, "columns", column), *types, service, message="column type" if ABSENT not in types else ""
            )
    gone, came = Counter(old.row_digests), Counter(new.row_digests)
    removed, added = (gone - came).total(), (came - gone).total()
    if old.rows == new.rows and len(old.row_digests) == len(new.row_digests):
        places = [n for n, (a, b) in enumerate(zip(old.row_digests, new.row_digests, strict=True), start=1) if a != b]
        if places and not removed:
            yield Change((*path, "order"), None, None, service, message=f"the {old.rows} rows have another order")
        elif places:
            where = ", ".join(map(str, places[:EXAMPLES]))
            share = f"{removed} of {old.rows} rows differ"
            yield Change((*path, "values"), None, None, service, message=share, detail=(f"first rows: {where}",))
        return
    for name, count in (("removed_rows", removed), ("added_rows", added)):
        if count:
            message = f"{count} row{'s' * (count != 1)} {name.removesuffix('_rows')} ({old.rows} -> {new.rows})"
            yield Change((*path, name), old.rows, new.rows, service, message=message)


def _compare_bytes(path: Path, service: Service, before: str, after: str) -> Change:
    try:
        old, new = base64.b64decode(before), base64.b64decode(after)
    except ValueError:
        old, new = before.encode(), after.encode()
    same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    shown = old[same : same + 16].hex(" "), new[same : same + 16].hex(" ")
    return Change(
        (*path, "bytes"), f"{len(old)} bytes", f"{len(new)} bytes", service,
        message=f"differs from byte {same} on", detail=(f"{shown[0] or '(end)'} -> {shown[1] or '(end)'}",),
    )  # fmt: skip


def _compare_texts(path: Path, service: Service, before: str, after: str) -> Change:
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return Change(path, None, None, service, message="differs in line ends only")
    if sorted(old) == sorted(new):
        return Change(path, None, None, service, message=f"the {len(old)} lines have another order")
    return Change(path, before, after, service, message="text differs", detail=tuple(find_lines(old, new)))


def find_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Yield the lines that differ, with `-` and `+`, at most TEXT_LINES."""
    start = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    yield f"from line {start + 1} on:"
    if max(len(old), len(new)) - start > COMPARED_LINES:
        lines = [f"-{line}" for line in old[start : start + 3]] + [f"+{line}" for line in new[start : start + 3]]
    else:
        lines = list(difflib.unified_diff(old[start:], new[start:], n=0, lineterm=""))[2:]
        lines = [line for line in lines if not line.startswith("@@")]
    yield from (line[:200] for line in lines[:TEXT_LINES])
    if len(lines) > TEXT_LINES:
        yield f"... {len(lines) - TEXT_LINES} more lines"


def compare_tables(
    before: Mapping[str, TableDocument], after: Mapping[str, TableDocument], is_unstable: IsUnstable
) -> Iterator[Change]:
    """Yield the changes of the watched tables. A table that can't be read is absent.

    The rows are in the order of their values, so a changed value moves its row.
    """
    for name in sorted(before.keys() | after.keys()):
        path, (old, new) = ("tables", name), (before.get(name), after.get(name))
        if old == new and repr(old) == repr(new):  # == alone does not tell 1 from 1.0
            continue
        reasons = tuple(one.unreadable for one in (old, new) if one is not None and one.unreadable)
        if old is None or old.unreadable is not None:
            if new is not None and new.unreadable is None:
                yield Change(path, ABSENT, f"{new.total} rows", "postgres", detail=reasons)
        elif new is None or new.unreadable is not None:
            yield Change(path, f"{old.total} rows", ABSENT, "postgres", detail=reasons)
        else:
            changes = compare_rows(path, "postgres", old.rows, new.rows, below(path, is_unstable))
            yield from (change for change in changes if change.path != (*path, "order"))
            if old.total != new.total and (old.truncated or new.truncated):
                message = (
                    f"{old.total} -> {new.total} rows; the evidence has {len(old.rows)} and {len(new.rows)} of them"
                )
                yield Change((*path, "total"), old.total, new.total, "postgres", message=message)
            elif old.rest_digest and new.rest_digest and old.rest_digest != new.rest_digest:
                message = f"rows beyond the first {len(new.rows)} differ"
                yield Change((*path, "rest_digest"), None, None, "postgres", message=message)


def describe(value: Any) -> str:
    """Describe an object or a table of one side in a few words.

    The text is `before` or `after` of a difference.
    """
    if isinstance(value, ObjectDocument):
        rows = f", {value.table.rows} rows" if value.table else ""
        return f"{value.size} bytes{rows}"
    return show(value)
