"""Create the temporary project of a pair, and run its scenarios on one side."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.airflow.runners.warm import end_hosts
from harness.runtime_dir import hosts_folder
from tests.outer import CONFTEST, environment
from tests.upgrade_corpus.cases import NOT_DAGS, Case

ROOT = Path(__file__).parents[2]
SCENARIO = '''"""{title}."""

from contextlib import suppress

from harness.errors import RunOutcomeError


def test_case(world):
    with suppress(RunOutcomeError):
        world.run({dag_id!r}, {date!r}, conf={conf!r}, environment={environment!r})
'''


def create_project(folder: Path, cases: Sequence[Case]) -> Path:
    """Write the project of these cases, with a folder of the dags folder and a file of scenarios for each."""
    scenarios = folder / "scenarios"
    scenarios.mkdir(parents=True)
    for case in cases:
        shutil.copytree(
            case.folder, folder / "dags" / case.name, ignore=shutil.ignore_patterns(*NOT_DAGS, "__pycache__")
        )
        own = case.folder / "test_case.py"
        if own.exists() or case.scenario:
            (scenarios / f"test_{case.name}.py").write_text(own.read_text() if own.exists() else _scenario(case))
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pyproject.toml").write_text(format_toml("tool.harness", _merge_tables(cases)))
    return folder


def run_side(project: Path, options: Sequence[str], evidence: Path) -> None:
    """Run the project's scenarios, which leave evidence. Failed scenarios are a result."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(project), "scenarios"]
    done = subprocess.run(
        [*command, "--harness-evidence", str(evidence), *options],
        cwd=project,
        env=environment(ROOT),
        capture_output=True,
        text=True,
        check=False,
    )
    (evidence.parent / f"{evidence.name}.log").write_text(done.stdout + done.stderr)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with exit code {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")


def end_side(project: Path) -> None:
    """End the warm hosts of the project."""
    end_hosts(hosts_folder(project))


def _scenario(case: Case) -> str:
    return SCENARIO.format(
        title=case.title, dag_id=case.dag_id, date=case.date, conf=case.conf, environment=dict(case.environment)
    )


def _merge_tables(cases: Sequence[Case]) -> dict[str, Any]:
    merged: dict[str, Any] = {"dags_folder": "dags"}
    for case in cases:
        for name, value in case.project.items():
            if isinstance(value, list):
                merged[name] = [*merged.get(name, ()), *value]
            elif isinstance(value, Mapping):
                merged[name] = {**merged.get(name, {}), **value}
            elif merged.setdefault(name, value) != value:
                raise ValueError(f"{case.folder}: {name} = {value!r} contradicts another case: use a pair of its own")
    return merged


def format_toml(table: str, values: Mapping[str, Any]) -> str:
    """Format a TOML table: JSON's texts, numbers, booleans and lists are TOML's."""
    lines = [f"[{table}]"]
    lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in values.items() if not _is_table(value)]
    tables = [format_toml(f"{table}.{json.dumps(name)}", value) for name, value in values.items() if _is_table(value)]
    return "\n".join([*lines, "", *tables])


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)
