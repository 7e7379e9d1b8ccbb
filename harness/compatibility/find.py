"""Compatibility findings of a dags folder that Airflow has read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.compatibility.finding import CompatibilityFinding, merge_findings
from harness.compatibility.ruff_rules import find_removed_names
from harness.compatibility.syntax_rules import find_load_problems, find_missing_context_names

MISSED = re.compile(r"(?:KeyError: '|'|missing \d+ required positional arguments?: ')(\w+)'(?: is undefined)?")


def find_in_broken_files(
    errors: Mapping[str, str], dags_folder: Path, airflow_major: int, packages: Sequence[str]
) -> tuple[CompatibilityFinding, ...]:
    """Return why Airflow can't load the broken files; `errors` has their tracebacks.

    `packages` are the folders of the Airflow environment's packages. Raises RunError if ruff can't be run.
    """
    files = _list_files(errors, dags_folder)
    removed = find_removed_names(dags_folder, files) if files and airflow_major >= 3 else []
    return merge_findings(
        [*removed, *(each for file in files for each in find_load_problems(packages, dags_folder, file))]
    )


def find_in_running_files(
    dags_folder: Path, files: Sequence[Path], airflow_major: int
) -> tuple[CompatibilityFinding, ...]:
    """Return what will fail when the tasks of these loadable files run."""
    inside = [file for file in files if file.is_relative_to(dags_folder)]
    if airflow_major < 3:
        return ()
    return merge_findings(each for file in inside for each in find_missing_context_names(dags_folder, file))


def hint_for_failure(dags_folder: Path, file: Path, log: str, airflow_major: int) -> str | None:
    """Return the finding in a DAG's file that explains the error in the run's log, or None."""
    missed = set(MISSED.findall(log))
    findings = find_in_running_files(dags_folder, [file], airflow_major)
    return next((str(each) for each in findings if set(re.findall(r"'(\w+)'", each.what)) & missed), None)


def format_short(findings: Sequence[CompatibilityFinding]) -> str:
    """Format the findings for a one-line message: the first finding and the number of others."""
    more = f" (and {len(findings) - 1} more: `harness list` shows them)" if len(findings) > 1 else ""
    return f"{findings[0]}{more}" if findings else ""


def _list_files(errors: Mapping[str, str], dags_folder: Path) -> list[Path]:
    """Return the broken files, and the files of the folder that their tracebacks name."""
    named = [Path(file) for trace in errors.values() for file in re.findall(r'File "([^"]+)"', trace)]
    files = dict.fromkeys([*map(Path, errors), *named])
    return [file for file in files if file.is_relative_to(dags_folder) and file.suffix == ".py" and file.is_file()]
