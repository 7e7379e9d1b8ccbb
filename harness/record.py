"""What a scenario's runs left, in one JSON file: written by `--evidence DIR`, read to compare two sets of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.airflow.snapshot import Run
from harness.evidence.evidence import Evidence
from harness.evidence.normalise import normalised
from harness.output import write


def recorded(run: Run, evidence: Evidence) -> dict[str, Any]:
    """A run and its evidence as JSON, without its log and its times, which differ every time."""
    return {
        "dag_id": run.dag_id,
        "date": run.date,
        "state": run.state,
        "exit_code": run.exit_code,
        "failure": run.failure,
        "tasks": {name: {"state": task.state, "tries": task.tries} for name, task in sorted(run.tasks.items())},
        "xcoms": {f"{task}/{key}": _timeless(value) for (task, key), value in sorted(run.xcoms.items())},
        "evidence": evidence.as_json(),
    }


def _timeless(value: Any) -> Any:
    """An XCom may hold an answer of AWS's, which says when, how long, and which request it answers."""
    if isinstance(value, dict):
        changing = ("ResponseMetadata", "TrainingTimeInSeconds", "BillableTimeInSeconds")
        return {key: _timeless(part) for key, part in value.items() if key not in changing}
    if isinstance(value, list):
        return [_timeless(part) for part in value]
    return normalised(value) if isinstance(value, str) else value


def write_record(folder: Path, scenario: str, runs: Sequence[tuple[Run, Evidence]], mask: Callable[[str], str]) -> None:
    """One file for each scenario, named by its pytest node id."""
    text = json.dumps([recorded(run, evidence) for run, evidence in runs], indent=1, default=str)
    name = re.sub(r"[^\w.-]+", "-", scenario).strip("-")
    write(folder / f"{name}.json", mask(text))
