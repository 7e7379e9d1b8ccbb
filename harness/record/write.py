"""Write the files of recorded evidence: a document of each run, and one of each scenario."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from harness.evidence.document import Document, Outcome, RunDocument, ScenarioDocument, Versions
from harness.evidence.log_warnings import find_warning_documents
from harness.evidence.normalise import Normaliser
from harness.output import write
from harness.record.build import RecordedRun, build_refused, build_run
from harness.record.rules import create_normaliser

if TYPE_CHECKING:
    from harness.airflow.environments import AirflowEnvironment
    from harness.evidence.objects import GatheredObject
    from harness.run import Run
    from harness.services.stack import Stack
    from harness.settings import Settings

FILE = "recorded-run.json"
LONGEST = 200
"""Bytes of a long node id that remain in the name of its file; a file system allows 255."""
PLAIN = re.compile(r"(?!\.)(?:[\w.]+(?<!\.py)/)*[\w.]+\.py::\w+(?:\[[\w.-]*[\w.]\])?")
"""Node ids that `-` for each separator leaves different: the first part that ends with `.py` is the file."""
OURS = re.compile(rb'\{\s*"schema_version": \d+,\s*"kind": "(?:scenario|session|dags folder|upgrade)"')
"""How a document begins."""
UNFINISHED = "the session ended before the dags folder was read"
"""What a scenario's evidence lacks until the process that ran the scenario ends."""


def record_run(
    run: Run,
    home: Path,
    settings: Settings,
    stack: Stack,
    airflow: AirflowEnvironment,
    objects: Mapping[str, Mapping[str, GatheredObject]],
    aws_state: Mapping[str, Any],
) -> Path:
    """Write the run's document into `home`, the run's folder; return its path.

    The file keeps contents of objects out of the memory of a long session.
    """
    environment = airflow.python.parent.parent
    paths = {str(home): "HOME"} | ({str(environment): "AIRFLOW"} if (environment / "pyvenv.cfg").exists() else {})
    normalise = create_normaliser(settings, stack.mask, stack, paths)
    warnings = find_warning_documents(run.log, settings.dags_folder, normalise)
    recorded = build_run(run, objects, aws_state, warnings, normalise, stack.mask, stack.hide)
    (home / FILE).write_text(format_json(recorded), encoding="utf-8")
    return home / FILE


def remove_documents(folder: Path) -> None:
    """Remove the documents of an earlier session from the folder, not the unstable fields. Raises OSError."""
    for file in folder.glob("*.json"):
        with file.open("rb") as content:
            if OURS.match(content.read(100)):
                file.unlink()


def format_json(document: Document) -> str:
    """Return the document as JSON, in which equal documents are equal texts."""
    return document.model_dump_json(indent=1) + "\n"


def read_runs(runs: Sequence[Run], show: Callable[[str], str]) -> tuple[tuple[RunDocument, ...], tuple[str, ...]]:
    """Return the documents of the runs, and what they lack.

    `show` is applied to the reasons of refused runs.
    """
    recorded = [_read_run(run, show) for run in runs]
    return tuple(one.run for one in recorded), tuple(dict.fromkeys(text for one in recorded for text in one.incomplete))


def _read_run(run: Run, show: Callable[[str], str]) -> RecordedRun:
    if run.recorded is None:
        return RecordedRun(run=build_refused(run, show))
    try:
        return RecordedRun.model_validate_json(run.recorded.read_bytes())
    except FileNotFoundError:
        plain = RunDocument(dag_id=run.dag_id, date=run.date, state=run.state, exit_code=run.exit_code)
        why = f"the run of {run.dag_id} for {run.date}: the scenario removed the folder with its evidence"
        return RecordedRun(run=plain, incomplete=(why,))


def scenario_file(folder: Path, scenario: str) -> Path:
    """Return the file of a scenario, named after its pytest node id.

    A digest is part of the name if another node id may give the same name, or if the name is long.
    """
    name = re.sub(r"[^\w.-]+", "-", scenario).strip("-.")
    if not PLAIN.fullmatch(scenario) or len(name.encode()) > LONGEST:
        digest = hashlib.sha256(scenario.encode("utf-8", "backslashreplace")).hexdigest()[:8]
        name = f"{name.encode()[:LONGEST].decode(errors='ignore')}-{digest}"
    return folder / f"{name}.json"


def write_scenario(
    folder: Path,
    scenario: str,
    outcome: Outcome,
    versions: Versions,
    runs: Sequence[Run],
    normalise: Normaliser,
    failure: str | None = None,
    reason: str | None = None,
) -> Path:
    """Write a scenario's document; return its path. Raises OSError."""
    documents, incomplete = read_runs(runs, normalise)
    if any(run.refused is None for run in documents):
        incomplete = (*incomplete, UNFINISHED)
    document = ScenarioDocument(
        scenario=normalise.show(scenario),
        outcome=outcome,
        failure=failure and normalise(failure),
        reason=reason and normalise(reason),
        versions=versions,
        incomplete=incomplete,
        runs=documents,
    )
    file = scenario_file(folder, scenario)
    write(file, format_json(document))
    return file


def change_scenario(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a scenario's document in its file. Raises OSError."""
    document = json.loads(file.read_bytes())
    change(document)
    write(file, to_json(document, indent=1).decode() + "\n")
