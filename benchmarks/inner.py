"""The inner pytest: run a generated project as a user does, and time each test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import BenchmarkError

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
WORK = ROOT / ".harness" / "bench"
AIRFLOW_PYTHON = ROOT / ".harness" / "airflow" / "3.3" / "bin" / "python"
PYTEST_TIMEOUT = 1800.0
CONFTEST = 'pytest_plugins = ["harness.plugin"]\n'


@dataclass(frozen=True)
class Session:
    """A passed pytest.

    `seconds`: duration of the whole process. `phases`: test -> seconds of setup, call and teardown, in the order of the
    run. `notes`: test -> name -> values that the test noted.
    """

    seconds: float
    phases: Mapping[str, Mapping[str, float]]
    notes: Mapping[str, Mapping[str, list[float]]]

    def of(self, prefix: str) -> tuple[float, ...]:
        """Return the seconds (setup, call and teardown) of the tests with this prefix, in order."""
        return tuple(sum(phases.values()) for name, phases in self.phases.items() if name.startswith(prefix))

    def noted(self, name: str) -> tuple[float, ...]:
        """Return all values noted under `name`, in the order of the tests."""
        return tuple(value for notes in self.notes.values() for value in notes.get(name, ()))


def project(name: str, probe: str, dags: Path = HERE / "dags", table: str = "") -> Path:
    """Create a project under .harness/bench with the test file `probes/PROBE.py`.

    `table` extends its settings.
    """
    folder = WORK / "projects" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "conftest.py").write_text(CONFTEST)
    # Without its own table for pytest the project would use the checkout's.
    (folder / "pyproject.toml").write_text(
        f'[tool.pytest.ini_options]\n[tool.harness]\ndags_folder = "{dags}"\n{table}\n'
    )
    shutil.copy(HERE / "probes" / f"{probe}.py", folder / "test_it.py")
    return folder


def run_pytest(
    folder: Path, *arguments: str, python: str | Path = sys.executable, more: Mapping[str, str] | None = None
) -> Session:
    """Run pytest in `folder`.

    Raises BenchmarkError with the errors of the output if pytest fails.
    """
    record = folder / "record.jsonl"
    record.unlink(missing_ok=True)
    record.touch()
    command = [
        *(str(python), "-m", "pytest", "-q", "-p", "benchmarks.recording"),
        *("-p", "no:anyio"),  # It would import trio, which the environment has only through selenium.
        *("--rootdir", str(folder), "--basetemp", str(folder / "tmp")),
        *arguments,
    ]
    began = time.monotonic()
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment({"BENCH_RECORD": str(record), **(more or {})}),
        capture_output=True,
        text=True,
        timeout=PYTEST_TIMEOUT,
        check=False,
    )
    seconds = time.monotonic() - began
    if result.returncode != 0:
        log = folder / "pytest.log"
        log.write_text(result.stdout + result.stderr)
        errors = [line for line in log.read_text().splitlines() if line.startswith(("E  ", "ERROR"))]
        raise BenchmarkError(
            f"pytest in {folder} ended with {result.returncode}: {' '.join(errors)[:500]} (all: {log})"
        )
    return _session(record, seconds)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without variables that affect the inner pytest.

    PYTHONPATH has the checkout. Python may write compiled modules, as on a user's machine: without them each start
    compiles the harness again.
    """
    prefixes = ("PYTEST_", "HARNESS_", "PYTHONDONTWRITEBYTECODE", "GITHUB_STEP_SUMMARY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {**kept, "PYTHONPATH": str(ROOT), "HARNESS_AIRFLOW_PYTHON": str(AIRFLOW_PYTHON), **more}


def _session(record: Path, seconds: float) -> Session:
    phases: dict[str, dict[str, float]] = {}
    notes: dict[str, dict[str, list[float]]] = {}
    for line in record.read_text().splitlines():
        entry = json.loads(line)
        name = entry["test"].removeprefix("test_it.py::")
        phases.setdefault(name, {})[entry["phase"]] = entry["seconds"]
        for noted, value in entry["notes"]:
            notes.setdefault(name, {}).setdefault(noted, []).append(value)
    return Session(seconds, phases, notes)
