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

    Airflow 3 stores some values as texts that Airflow 2 stores as JSON, so texts are compared as the values they
    spell. A field that one side lacks and that is empty on the other is not set on either.
    """
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if old == new and type(old) is type(new):
            continue
        if (old is ABSENT and _is_empty(new)) or (new is ABSENT and _is_empty(old)):
            continue
        if old is ABSENT or new is ABSENT or _spelled(old) != _spelled(new):
            yield name, old, new


def _is_empty(value: Any) -> bool:
    spelled = _spelled(value)
    return spelled in ("null", '""', "false", "[]", "{}")


def _spelled(value: Any) -> str:
    return json.dumps(_evaluate(value), sort_keys=True, default=str)


def _evaluate(value: Any) -> Any:
    """Return the value with each text that spells a Python literal or JSON evaluated."""
    if isinstance(value, dict):
        return {str(key): _evaluate(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_evaluate(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((_evaluate(inner) for inner in value), key=repr)
    if not isinstance(value, str) or len(value) > EVALUATED:
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            read_value = read(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return _evaluate(read_value) if not isinstance(read_value, str) else read_value
    return value
