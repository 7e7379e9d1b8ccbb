"""The published JSON Schema is that of the documents."""

from __future__ import annotations

from tools.evidence_schema import FILE, format_schema


def test_the_schema_is_up_to_date() -> None:
    assert FILE.read_text() == format_schema(), "run `python -m tools.evidence_schema`"
