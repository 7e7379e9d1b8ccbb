"""What ruff's rules for Airflow know: names that Airflow 3 removed or moved (AIR301, AIR302)."""

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
"""Where ruff names nothing to write instead."""
OF_THE_SHIM = "It still works"
"""Ruff's word for what is deprecated only."""


MISSING = (
    "names that Airflow 3 removed are not looked up, since ruff is not installed: "
    "pip install 'airflow-scenario-harness[compatibility]'"
)


def is_installed() -> bool:
    """Return whether ruff can be run."""
    return find_spec("ruff") is not None


def removed_names(dags_folder: Path, files: Sequence[Path]) -> list[CompatibilityFinding]:
    """Return one obstacle for each place; none where ruff is not installed. Raises RunError where it can't be run."""
    if not is_installed():
        return []
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--preview", "--quiet"]
    options = ["--select", "AIR301,AIR302", "--output-format", "json", "--exit-zero", "--ignore-noqa"]
    done = subprocess.run(
        [*command, *options, *map(str, files)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise RunError(f"ruff can't read the DAG files: {done.stderr.strip() or done.returncode}")
    found = [one for one in json.loads(done.stdout) if OF_THE_SHIM not in one["message"]]
    return [
        CompatibilityFinding(
            one["message"].rstrip("; "),
            (one["fix"] or {}).get("message") or _instead(one["message"]),
            (f"{Path(one['filename']).relative_to(dags_folder)}:{one['location']['row']}",),
        )
        for one in found
        if one["code"]  # without a code: a file that is no Python
    ]


def _instead(message: str) -> str:
    told = (modern for name, modern in INSTEAD.items() if name in message)
    return next(told, "see Airflow's guide to upgrading to 3")
