"""Builders of evidence documents with what a test is about, and defaults for the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.compare.compare import compare_sides
from harness.compare.model import Difference
from harness.compare.read import Side
from harness.evidence.document import (
    Document,
    FolderDocument,
    ObjectDocument,
    RunDocument,
    ScenarioDocument,
    SessionDocument,
    Shard,
    TabularSummary,
    TaskDocument,
    Versions,
)

SCENARIO = "scenarios/test_prices.py::test_prices"


def versions(**changes: Any) -> Versions:
    return Versions(**{"harness": "0.1.0", "python": "3.12.3", "airflow": "2.11.2", **changes})


def task(state: str | None = "success", **changes: Any) -> TaskDocument:
    return TaskDocument(**{"state": state, "tries": 1, "operator": "PythonOperator", **changes})


def run(dag_id: str = "prices", date: str = "2021-06-01", **changes: Any) -> RunDocument:
    return RunDocument(
        **{"dag_id": dag_id, "date": date, "state": "success", "exit_code": 0, "run_type": "manual", **changes}
    )


def scenario(*runs: RunDocument, name: str = SCENARIO, **changes: Any) -> ScenarioDocument:
    return ScenarioDocument(**{"scenario": name, "outcome": "passed", "versions": versions(), "runs": runs, **changes})


def stored(text: str | None = None, summary: TabularSummary | None = None, **changes: Any) -> ObjectDocument:
    content = (text or "").encode()
    digest = hashlib.sha256(content).hexdigest()
    return ObjectDocument(**{"size": len(content), "sha256": digest, "text": text, "table": summary, **changes})


def csv_object(header: str, rows: Sequence[str], types: Sequence[str] = ()) -> ObjectDocument:
    names = header.split(",")
    columns = dict(zip(names, types or ["text"] * len(names), strict=True))
    digests = tuple(hashlib.sha256(row.encode()).hexdigest() for row in rows)
    summary = TabularSummary(format="csv", columns=columns, rows=len(rows), row_digests=digests)
    return stored("\n".join((header, *rows)) + "\n", summary)


def side(
    *scenarios: ScenarioDocument, folder: FolderDocument | None = None, label: str = "side", **changes: Any
) -> Side:
    names = tuple(one.scenario for one in scenarios)
    session = SessionDocument(scenarios=names, versions=changes.pop("versions", versions()))
    return Side(
        **{
            "label": label,
            "sessions": (session,),
            "folder": folder,
            "scenarios": dict(zip(names, scenarios, strict=True)),
            **changes,
        }
    )


def compare(before: RunDocument, after: RunDocument, repeat: RunDocument | None = None) -> tuple[Difference, ...]:
    """Return the differences of one run in one scenario that passed on both sides."""
    repeated = side(scenario(repeat)) if repeat is not None else None
    return compare_sides(side(scenario(before)), side(scenario(after)), repeated).differences


def brief(differences: Sequence[Difference]) -> list[tuple[str, str]]:
    return [(one.verdict, one.field) for one in differences]


def write(folder: Path, documents: Mapping[str, Document | str | bytes]) -> Path:
    """Write documents by their file names."""
    for name, document in documents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        content = document.model_dump_json() if isinstance(document, Document) else document
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def evidence(folder: Path, *scenarios: ScenarioDocument, shard: tuple[int, int] | None = None, **changes: Any) -> Path:
    """Write the folder of a session."""
    names = tuple(one.scenario for one in scenarios)
    part = Shard(number=shard[0], total=shard[1]) if shard else None
    session = SessionDocument(**{"scenarios": names, "versions": versions(), "shard": part, **changes})
    files = {one.scenario.replace("/", "-").replace(":", "-") + ".json": one for one in scenarios}
    return write(folder, {"session.json": session, "dags-folder.json": FolderDocument(schedules={}), **files})
