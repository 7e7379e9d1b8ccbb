"""The private names that the warm runner relies on are unchanged on each proved Airflow line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.warm.fingerprint import NAMES

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".harness" / "airflow"
PROVED: dict[str, dict[str, str | None]] = json.loads((HERE / "internals.json").read_text())


@pytest.mark.parametrize("line", list(PROVED))
def test_internals_are_unchanged(line: str, tmp_path: Path) -> None:
    python = ENVIRONMENTS / line / "bin" / "python"
    if not python.exists():
        pytest.skip(f"not run: no environment of Airflow {line} in {ENVIRONMENTS}")
    command = [python, HERE / "fingerprint.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout.splitlines()[-1])
    moved = [
        f"{name} of Airflow {line} was {PROVED[line].get(name)} and is {found[name]}: check {function}() in "
        "harness/airflow/inside/internals.py, then write the new value to tests/warm/internals.json"
        for name, function in NAMES.items()
        if found[name] != PROVED[line].get(name)
    ]
    assert not moved, "\n".join(moved)
