"""Write the files of recorded evidence: a document of each run, and one of each scenario."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.evidence.document import Document, Outcome, RunDocument, ScenarioDocument, Versions
from harness.evidence.log_warnings import find_warning_documents
from harness.evidence.normalise import Normaliser
from harness.output import write
from harness.record.build import RecordedRun, build_refused, build_run

if TYPE_CHECKING:
    from harness.evidence.objects import GatheredObject
    from harness.run import Run
    from harness.services.stack import Stack
    from harness.settings import Settings

FILE = "recorded-run.json"
UNFINISHED = "the session ended before the dags folder was read"
"""What a scenario's evidence lacks until the process that ran the scenario ends."""


def record_run(
    run: Run,
    home: Path,
    settings: Settings,
    stack: Stack,
    objects: Mapping[str, Mapping[str, GatheredObject]],
    aws_state: Mapping[str, Any],
) -> Path:
    """Write the run's document into `home`, the run's folder; return its path.

    The file keeps contents of objects out of the memory of a long session.
    """
    normalise = create_normaliser(home, settings, stack)
    warnings = find_warning_documents(run.log, settings.dags_folder, normalise)
    recorded = build_run(run, objects, aws_state, warnings, normalise, stack.mask, stack.hide)
    (home / FILE).write_text(format_json(recorded), encoding="utf-8")
    return home / FILE


def create_normaliser(home: Path, settings: Settings, stack: Stack) -> Normaliser:
    """Return the rules for a run with this home: those for texts of the run and the stack, ours, the project's."""
    names = {
        str(home): "HOME",
        stack.network: "NETWORK",
        stack.stack_id: "STACK",
        stack.session_id: "SESSION",
        stack.minio.endpoint.access_key: "USER",
    }
    return Normaliser(
        {name: word for name, word in names.items() if name},
        [(re.compile(rule.pattern), rule.word) for rule in settings.normalise],
        dt.datetime.now(dt.UTC).date(),
        stack.mask,
    )


def format_json(document: Document) -> str:
    """Return the document as JSON, in which equal documents are equal texts."""
    return json.dumps(document.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def read_runs(runs: Sequence[Run], show: Callable[[str], str]) -> tuple[tuple[RunDocument, ...], tuple[str, ...]]:
    """Return the documents of the runs, and what they lack."""
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
    """Return the file of a scenario, named after its pytest node id."""
    name = re.sub(r"[^\w.-]+", "-", scenario).strip("-")
    return folder / f"{name}.json"


def write_scenario(
    folder: Path,
    scenario: str,
    outcome: Outcome,
    versions: Versions,
    runs: Sequence[Run],
    show: Callable[[str], str],
    failure: str | None = None,
    reason: str | None = None,
) -> Path:
    """Write a scenario's document; return its path. Raises OSError."""
    documents, incomplete = read_runs(runs, show)
    if any(run.refused is None for run in documents):
        incomplete = (*incomplete, UNFINISHED)
    document = ScenarioDocument(
        scenario=show(scenario),
        outcome=outcome,
        failure=failure and show(failure),
        reason=reason and show(reason),
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
    write(file, format_json(ScenarioDocument.model_validate(document)))
