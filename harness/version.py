"""The version of the harness."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path


@cache
def own_version() -> str:
    """Return the version of the installed package, or `not installed`."""
    # Folder names are enough, as in inside/describe.py: importlib.metadata would read a file of every package.
    found = (file.stem for path in sys.path for file in Path(path).glob("airflow_scenario_harness-*.dist-info"))
    return next(found, "-not installed").rpartition("-")[2]
