"""Compare JSON values, and show them in one line."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from harness.compare.verdicts import ABSENT, Path

SHOWN, KEPT, EVALUATED = 120, 2000, 20_000
"""Characters of a value in a line, in a difference's `before` and `after`, and of a text that is evaluated."""


def show(value: Any, length: int = SHOWN) -> str:
    """Return the value as JSON in one line, cut to `length` characters."""
    if value is ABSENT:
        return "(absent)"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= length else f"{text[:length]}... ({len(text)} characters)"


def count_nouns(number: int, noun: str) -> str:
    """Return `1 scenario`, `2 scenarios`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def keep(value: Any) -> Any:
    """Return the value, or a cut text of it if it is large."""
    if value is ABSENT:
        return None
    return value if len(json.dumps(value, default=str)) <= KEPT else show(value, KEPT)


def is_same(before: Any, after: Any) -> bool:
    """Return whether two JSON values are equal, also in their types: 1, 1.0 and true differ, and NaN equals NaN."""
    return not any(find_leaves((), before, after))


def find_leaves(path: Path, before: Any, after: Any) -> Iterator[tuple[Path, Any, Any]]:
    """Yield each innermost difference: its field, and the value of each side or ABSENT."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from find_leaves((*path, key), before.get(key, ABSENT), after.get(key, ABSENT))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        *above, name = path or ("",)
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from find_leaves((*above, f"{name}[{number}]"), old, new)
    elif type(before) is not type(after) or (before != after and not (_is_nan(before) and _is_nan(after))):
        yield path, before, after


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def find_rendered(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield each rendered field that differs.

    Each release of Airflow stores some lists, dicts and tuples as JSON and others as the text of Python's `str()`, so a
    text equals the list or dict that it spells. The order in a text of a set, also an inner one, says nothing. A field
    that one side lacks and that is empty on the other is not set on either.
    """
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if is_same(old, new):
            continue
        if (old is ABSENT and _is_empty(new)) or (new is ABSENT and _is_empty(old)):
            continue
        if old is ABSENT or new is ABSENT or not _spell_same(old, new):
            yield name, old, new


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", "None", "()", "[]", "{}", "set()", [], {})


def _spell_same(before: Any, after: Any) -> bool:
    """Return whether one value is a text of the other, or whether both are texts of the same sets."""
    values = [_read_literal(before), _read_literal(after)]
    same_sets = all(map(_has_set, values)) and values[0] == values[1]
    if isinstance(before, str) and isinstance(after, str) and not same_sets:
        return False
    return is_same(*map(_as_json, values))


def _read_literal(value: Any) -> Any:
    """Return the list, tuple, dict or set that a text spells in Python, else the value."""
    if not isinstance(value, str) or len(value) > EVALUATED:
        return value
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return value
    return read if isinstance(read, list | tuple | dict | set) else value


def _has_set(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_set, value.values()))
    return isinstance(value, set) or (isinstance(value, list | tuple) and any(map(_has_set, value)))


def _as_json(value: Any) -> Any:
    """Return a Python literal as Airflow 3 stores it in JSON."""
    if isinstance(value, dict):
        return {str(key): _as_json(inner) for key, inner in value.items()}
    if isinstance(value, set):
        return [_as_json(inner) for inner in sorted(value, key=lambda one: (type(one).__name__, str(one)))]
    return [_as_json(inner) for inner in value] if isinstance(value, list | tuple) else value
