"""Findings of ruff's rules for Airflow 3: removed and moved names (AIR301, AIR302)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from harness.compatibility.finding import CompatibilityFinding
from harness.errors import RunError

INSTEAD = {"days_ago": "write a date: datetime(2021, 1, 1)", "provide_context": "leave it out: it is always so"}
"""Replacements that ruff does not name."""
DEPRECATED = "It still works"
"""Part of ruff's message about names that are only deprecated."""
MISSING = (
    "ruff is not installed, so names that Airflow 3 removed are not checked: "
    "pip install 'airflow-scenario-harness[compatibility]'"
)


def is_installed() -> bool:
    """Return whether ruff can be run."""
    return find_spec("ruff") is not None


def find_removed_names(dags_folder: Path, files: Sequence[Path]) -> list[CompatibilityFinding]:
    """Return one finding for each place, none without ruff. Raises RunError if ruff fails."""
    if not is_installed():
        return []
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--preview", "--quiet"]
    options = ["--select", "AIR301,AIR302", "--output-format", "json", "--exit-zero", "--ignore-noqa"]
    done = subprocess.run(
        [*command, *options, *map(str, files)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise RunError(f"ruff can't read the DAG files: {done.stderr.strip() or done.returncode}")
    return [
        CompatibilityFinding(
            entry["message"].rstrip("; "),
            (entry["fix"] or {}).get("message") or _find_replacement(entry["message"]),
            (f"{Path(entry['filename']).relative_to(dags_folder)}:{entry['location']['row']}",),
        )
        for entry in json.loads(done.stdout)
        if DEPRECATED not in entry["message"] and entry["code"]  # a syntax error has no code
    ]


def _find_replacement(message: str) -> str:
    replacements = (modern for name, modern in INSTEAD.items() if name in message)
    return next(replacements, "see Airflow's guide to upgrading to 3")
