"""Replace the parts of a text that differ in every run, to compare two runs."""

from __future__ import annotations

import re
from collections.abc import Mapping

CHANGING = (
    (re.compile(r"datetime\.datetime\([\d, ]+(, tzinfo=\w+\([^)]*\))?\)"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b[0-9a-fA-F]{16,}\b"), "ID"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "ADDRESS"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+\b|(?<=127\.0\.0\.1%3A)\d+\b"), "PORT"),
)


def normalise(text: str, names: Mapping[str, str] | None = None) -> str:
    """Replace times, ids, addresses and ports by words, and the texts in `names` by theirs."""
    for name, word in (names or {}).items():
        text = text.replace(name, word)
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return text
