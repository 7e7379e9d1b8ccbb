"""A scenario's runs as a JSON file, written by `--harness-evidence DIR`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.evidence.normalise import normalise
from harness.output import write
from harness.run import Run, json_value


def as_record(run: Run) -> dict[str, Any]:
    """Return a run and its evidence as JSON, without log and times, which differ in every run."""
    return {
        "dag_id": run.dag_id,
        "date": run.date,
        "state": run.state,
        "exit_code": run.exit_code,
        "failure": run.failure,
        "tasks": {name: {"state": task.state, "tries": task.tries} for name, task in sorted(run.tasks.items())},
        "xcoms": {f"{task}/{key}": _timeless(json_value(value)) for (task, key), value in sorted(run.xcoms.items())},
        "evidence": run.evidence.as_json(),
    }


def _timeless(value: Any) -> Any:
    """Remove times, durations and request ids of AWS's answers from an XCom."""
    if isinstance(value, dict):
        changing = ("ResponseMetadata", "TrainingTimeInSeconds", "BillableTimeInSeconds")
        return {key: _timeless(part) for key, part in value.items() if key not in changing}
    if isinstance(value, list):
        return [_timeless(part) for part in value]
    return normalise(value) if isinstance(value, str) else value


def write_record(folder: Path, scenario: str, runs: Sequence[Run], mask: Callable[[str], str]) -> None:
    """Write the completed runs into one file, named after the scenario's pytest node id."""
    text = json.dumps([as_record(run) for run in runs if run.refused is None], indent=1, default=str)
    name = re.sub(r"[^\w.-]+", "-", scenario).strip("-")
    write(folder / f"{name}.json", mask(text))
