"""Write docs/evidence.schema.json, the JSON Schema of recorded evidence: `python -m tools.evidence_schema`."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from harness.compare.model import UpgradeDocument
from harness.evidence.document import FolderDocument, ScenarioDocument, SessionDocument

FILE = Path(__file__).parents[1] / "docs" / "evidence.schema.json"


def format_schema() -> str:
    """Return the schema of all files in a folder of evidence."""
    documents = SessionDocument | FolderDocument | ScenarioDocument | UpgradeDocument
    schema = TypeAdapter(documents).json_schema(mode="serialization")
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Evidence of scenarios, schema 4"}
    return json.dumps({**named, **schema}, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(format_schema(), encoding="utf-8")
