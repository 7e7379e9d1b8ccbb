"""Compare two lists of rows: columns, added and removed rows, and changed values.

For changed values, also find where they concentrate.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.compare.change import Change
from harness.compare.model import Service
from harness.compare.values import is_same, show
from harness.compare.verdicts import ABSENT, Path

Row = Mapping[str, Any]
EXAMPLES: Final = 3
MOST, FEW = 0.9, 0.6
"""A value concentrates a change if it covers at least 90 % of the changed rows and less than 60 % of all rows."""


@dataclass(frozen=True)
class Pair:
    """A row on both sides; `number` is its place in the baseline, counted from 1."""

    number: int
    before: Row
    after: Row


def compare_rows(
    path: Path,
    service: Service,
    before: Sequence[Row],
    after: Sequence[Row],
    unstable: Callable[[str], bool] = lambda column: False,
    types: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> Iterator[Change]:
    """Yield the changes of a table.

    Columns for which `unstable` is true don't decide which rows belong together.
    """
    columns, new_columns = _columns(before, types[0]), _columns(after, types[1])
    if not before or not after:  # without rows, no columns are known
        columns, new_columns = columns or new_columns, new_columns or columns
    common = [column for column in columns if column in new_columns]
    yield from _compare_columns(path, service, columns, new_columns, types)
    stable = [column for column in common if not unstable(column)] or common
    pairs, removed, added, moved = _pair_rows(before, after, stable)
    yield from _compare_values(path, service, pairs, common, before)
    for name, numbers, rows in (("removed_rows", removed, before), ("added_rows", added, after)):
        if numbers:
            yield _list_rows((*path, name), service, numbers, rows, (len(before), len(after)))
    if moved:
        yield Change((*path, "order"), None, None, service, message=f"the {len(pairs)} rows have another order")


def _columns(rows: Sequence[Row], types: Mapping[str, str]) -> list[str]:
    return list(types) or list(dict.fromkeys(name for row in rows for name in row))


def _compare_columns(
    path: Path,
    service: Service,
    columns: Sequence[str],
    new_columns: Sequence[str],
    types: tuple[Mapping[str, str], Mapping[str, str]],
) -> Iterator[Change]:
    for column in columns:
        if column not in new_columns:
            renamed = f"columns now: {', '.join(new_columns)}"[:200]
            yield Change((*path, "columns", column), types[0].get(column, ""), ABSENT, service, detail=(renamed,))
        elif types[0].get(column) != types[1].get(column) and types[0] and types[1]:
            yield Change((*path, "columns", column), types[0][column], types[1][column], service, message="column type")
    for column in new_columns:
        if column not in columns:
            yield Change((*path, "columns", column), ABSENT, types[1].get(column, ""), service)
    common = [column for column in columns if column in new_columns]
    if common != [column for column in new_columns if column in columns]:
        yield Change((*path, "columns"), list(columns), list(new_columns), service, message="order of the columns")


def _digest(row: Row, columns: Sequence[str]) -> str:
    return json.dumps([row.get(column, ABSENT) for column in columns], sort_keys=True, default=str)


def _pair_rows(
    before: Sequence[Row], after: Sequence[Row], columns: Sequence[str]
) -> tuple[list[Pair], list[int], list[int], bool]:
    """Pair the rows that belong together.

    Return the pairs, the indexes of the other rows of each side, and whether the order differs.

    Equal rows belong together, then rows with the same value of a column that is unique on both sides, then rows at the
    same place if as many are left on both sides.
    """
    old, new = [_digest(row, columns) for row in before], [_digest(row, columns) for row in after]
    places: dict[str, list[int]] = {}
    for index in reversed(range(len(new))):
        places.setdefault(new[index], []).append(index)
    matched: dict[int, int] = {}
    for index, digest in enumerate(old):
        if places.get(digest):
            matched[index] = places[digest].pop()
    left, used = [index for index in range(len(old)) if index not in matched], set(matched.values())
    right = [index for index in range(len(new)) if index not in used]
    key = _find_key(before, after, left, right, columns)
    if key is not None:
        by_key = {_key(after[index], key): index for index in right}
        for index in left:
            found = by_key.get(_key(before[index], key))
            if found is not None:
                matched[index] = found
    # Of equal rows of which a side has more, it is not known which ones belong together.
    counts, new_counts = Counter(old), Counter(new)
    order = [matched[index] for index in sorted(matched) if new_counts[old[index]] in (0, counts[old[index]])]
    if key is None and len(left) == len(right):
        matched.update(zip(left, right, strict=True))
    used = set(matched.values())
    pairs = [Pair(index + 1, before[index], after[matched[index]]) for index in sorted(matched)]
    return (
        pairs,
        [index for index in left if index not in matched],
        [index for index in right if index not in used],
        order != sorted(order),
    )


def _find_key(
    before: Sequence[Row], after: Sequence[Row], left: Sequence[int], right: Sequence[int], columns: Sequence[str]
) -> str | None:
    best, key = 0.5, None
    for column in columns if left and right else ():
        old, new = [_key(row, column) for row in before], [_key(row, column) for row in after]
        if len(set(old)) < len(old) or len(set(new)) < len(new) or "None" in old or "None" in new:
            continue
        shared = {old[index] for index in left} & {new[index] for index in right}
        if len(shared) / min(len(left), len(right)) > best:
            best, key = len(shared) / min(len(left), len(right)), column
    return key


def _key(row: Row, column: str) -> str:
    """Return a text that is equal for equal values of the same type, and `None` for null."""
    value = row.get(column)
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict | list) else repr(value)


def _compare_values(
    path: Path, service: Service, pairs: Sequence[Pair], columns: Sequence[str], rows: Sequence[Row]
) -> Iterator[Change]:
    keys = Keys(rows)
    for column in columns:
        cells = ((pair.number, pair.before.get(column, ABSENT), pair.after.get(column, ABSENT)) for pair in pairs)
        changed = [(number, old, new) for number, old, new in cells if not is_same(old, new)]
        if not changed:
            continue
        drift = describe_drift(changed)
        examples = (f"row {number}: {show(old)} -> {show(new)}" for number, old, new in changed[:EXAMPLES])
        share = f"{len(changed)} of {len(pairs)} rows ({_percent(len(changed) / len(pairs))})"
        message = f"numeric drift in {share}" if drift else f"differs in {share}"
        others = [name for name in columns if name != column]
        where = find_concentration([number - 1 for number, *_ in changed], keys, others, "changed")
        detail = tuple(line for line in (where, drift) if line)
        yield Change(
            (*path, "values", column),
            *changed[0][1:],
            service,
            message=message,
            detail=(*detail, *examples),
        )


def _list_rows(
    path: Path, service: Service, indexes: Sequence[int], rows: Sequence[Row], totals: tuple[int, int]
) -> Change:
    word = path[-1].removesuffix("_rows")
    chosen = [rows[index] for index in indexes]
    columns = list(dict.fromkeys(name for row in chosen for name in row))
    where = find_concentration(indexes, Keys(rows), columns, word)
    examples = (f"row {index + 1}: {show(dict(rows[index]))}" for index in indexes[:EXAMPLES])
    message = f"{len(indexes)} row{'s' * (len(indexes) != 1)} {word} ({totals[0]} -> {totals[1]})"
    return Change(path, *totals, service, message=message, detail=((where,) if where else ()) + tuple(examples))


class Keys:
    """The values of a table's columns as comparable texts, computed at a column's first use."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._columns: dict[str, tuple[list[str], Counter[str]]] = {}

    def of(self, column: str) -> tuple[list[str], Counter[str]]:
        """Return the texts in the order of the rows, and how often each occurs."""
        if column not in self._columns:
            texts = [_key(row, column) for row in self.rows]
            self._columns[column] = texts, Counter(texts)
        return self._columns[column]


def find_concentration(indexes: Sequence[int], keys: Keys, columns: Sequence[str], word: str) -> str | None:
    """Return a line that names the value which covers nearly all rows at `indexes`, or None.

    The value must not cover most of all rows.
    """
    if len(indexes) < 2 or len(indexes) == len(keys.rows):
        return None
    best: tuple[float, float, str] | None = None
    for column in columns:
        texts, all_counts = keys.of(column)
        text, count = Counter(texts[index] for index in indexes).most_common(1)[0]
        covered, overall = count / len(indexes), all_counts[text] / len(texts)
        if covered >= MOST and overall < FEW and (best is None or (covered, -overall) > best[:2]):
            value = show(next(keys.rows[index].get(column) for index in indexes if texts[index] == text))
            who = f"all {count}" if count == len(indexes) else f"{count} of {len(indexes)}"
            line = f"{who} {word} rows have {column} = {value}, as {_percent(overall)} of all rows do"
            best = (covered, -overall, line)
    return best[2] if best else None


def describe_drift(values: Sequence[tuple[int, Any, Any]]) -> str | None:
    """Return a line with the largest differences, or None if a value is not a number.

    Texts of numbers count as numbers.
    """
    numbers = [(row, _number(before), _number(after)) for row, before, after in values]
    if any(before is None or after is None for _, before, after in numbers):
        return None
    drifts = [
        (abs(after - before), row, before) for row, before, after in numbers if before is not None and after is not None
    ]
    largest, row, _ = max(drifts)
    if largest == 0:
        return "equal as numbers, written otherwise"
    relative, relative_row = (
        max((drift / abs(before), row) for drift, row, before in drifts if before)
        if any(before for *_, before in drifts)
        else (math.inf, row)
    )
    share = f", largest relative {_percent(relative)} (row {relative_row})" if math.isfinite(relative) else ""
    return f"largest difference {largest:.6g} (row {row}){share}"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
