"""Removed and moved names, by ruff's Airflow 3 rules; syntax that needs a newer Python."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import RunError

RULES = "AIR301,AIR302,AIR311,AIR312,AIR321"
DEPRECATED = "It still works"
"""Part of ruff's message about names that are only deprecated."""
CERTAIN = ("AIR301", "AIR302")
"""Rules for names that Airflow 3.0 lacks. The names of the other rules were removed later, or still work."""
NEWER_PYTHON = re.compile(r"syntax was added in Python ([\d.]+)")
MISSING = (
    "ruff is not installed, so names that Airflow 3 removed are not checked: "
    "pip install 'airflow-scenario-harness[compatibility]'"
)


@dataclass(frozen=True)
class RuffEntry:
    """What ruff says about one place: the name in question, its replacement if ruff has one.

    `name` is qualified for an import, bare for a parameter. `removed` is whether Airflow 3.0 lacks the name. A syntax
    error has an empty name; `python` is the version whose syntax the line uses.
    """

    file: Path
    line: int
    message: str
    name: str
    replacement: str | None
    removed: bool
    python: str | None


def is_installed() -> bool:
    """Return whether ruff can be run."""
    return find_spec("ruff") is not None


def check_files(files: Sequence[Path], python: str) -> list[RuffEntry]:
    """Return ruff's entries for the files, none without ruff.

    `python` is Airflow's, such as `3.12`. Raises RunError if ruff fails.
    """
    if not files or not is_installed():
        return []
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--preview", "--quiet"]
    options = ["--select", RULES, "--output-format", "json", "--exit-zero", "--ignore-noqa"]
    version = ["--target-version", f"py{python.replace('.', '')}"]
    done = subprocess.run(
        [*command, *options, *version, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise RunError(f"ruff can't read the DAG files: {done.stderr.strip() or done.returncode}")
    return [_read_entry(entry) for entry in json.loads(done.stdout)]


def _read_entry(entry: dict[str, Any]) -> RuffEntry:
    message = str(entry["message"])
    name = re.match(r"`([\w.]+)`", message) if entry["code"] else None  # a syntax error has no code
    newer = NEWER_PYTHON.search(message)
    return RuffEntry(
        file=Path(entry["filename"]),
        line=entry["location"]["row"],
        message=message.rstrip("; "),
        name=name[1] if name else "",
        replacement=(entry["fix"] or {}).get("message"),
        removed=entry["code"] in CERTAIN and DEPRECATED not in message,
        python=newer[1] if newer else None,
    )
