"""The published JSON Schema is that of the documents."""

from __future__ import annotations

import json

from harness.compare.read import KINDS
from tools.evidence_schema import FILE, format_schema


def test_the_schema_is_up_to_date() -> None:
    assert FILE.read_text() == format_schema(), "run `python -m tools.evidence_schema`"


def test_every_kind_of_document_is_in_the_schema() -> None:
    kinds = {
        one["properties"]["kind"]["const"]
        for one in json.loads(FILE.read_text())["$defs"].values()
        if "kind" in one["properties"]
    }
    assert kinds == set(KINDS)
