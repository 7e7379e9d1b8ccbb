"""The obstacles of a dags folder that Airflow has read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.compatibility.by_ruff import removed_names
from harness.compatibility.by_rules import gone_from_context, in_the_way
from harness.compatibility.finding import CompatibilityFinding, merged

MISSED = re.compile(r"(?:KeyError: '|'|missing \d+ required positional arguments?: ')(\w+)'(?: is undefined)?")


def in_broken_files(
    errors: Mapping[str, str], dags_folder: Path, airflow_major: int, packages: Sequence[str]
) -> tuple[CompatibilityFinding, ...]:
    """Return what keeps Airflow from reading the broken files. `errors` has the traceback of each.

    `packages` are the folders of the Airflow environment's packages. Raises RunError if ruff can't be run.
    """
    files = _files(errors, dags_folder)
    found = removed_names(dags_folder, files) if files and airflow_major >= 3 else []
    return merged([*found, *(one for file in files for one in in_the_way(packages, dags_folder, file))])


def in_running_files(dags_folder: Path, files: Sequence[Path], airflow_major: int) -> tuple[CompatibilityFinding, ...]:
    """Return what will fail when these files' tasks run, though Airflow can read them."""
    inside = [file for file in files if file.is_relative_to(dags_folder)]
    if airflow_major < 3:
        return ()
    return merged(one for file in inside for one in gone_from_context(dags_folder, file))


def hint_for_failure(dags_folder: Path, file: Path, log: str, airflow_major: int) -> str | None:
    """Return the obstacle of a DAG's file that the run's log names, or None."""
    missed = set(MISSED.findall(log))
    obstacles = in_running_files(dags_folder, [file], airflow_major)
    return next((str(one) for one in obstacles if set(re.findall(r"'(\w+)'", one.what)) & missed), None)


def in_short(obstacles: Sequence[CompatibilityFinding]) -> str:
    """Return the obstacles for a message of one line."""
    more = f" (and {len(obstacles) - 1} more: `harness list` shows them)" if len(obstacles) > 1 else ""
    return f"{obstacles[0]}{more}" if obstacles else ""


def _files(errors: Mapping[str, str], dags_folder: Path) -> list[Path]:
    """Return the broken files, and those of the folder that their tracebacks name."""
    named = [Path(file) for trace in errors.values() for file in re.findall(r'File "([^"]+)"', trace)]
    every = dict.fromkeys([*map(Path, errors), *named])
    return [file for file in every if file.is_relative_to(dags_folder) and file.suffix == ".py" and file.is_file()]
