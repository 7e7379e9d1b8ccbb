"""The obstacles of a folder that Airflow has read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.airflow.dagbag import DagBag
from harness.airflow.environments import AirflowEnvironment
from harness.compatibility.by_ruff import removed_names
from harness.compatibility.obstacle import Obstacle, merged
from harness.compatibility.ours import gone_from_context, in_the_way

MISSED = re.compile(r"(?:KeyError: '|'|missing \d+ required positional arguments?: ')(\w+)'(?: is undefined)?")


def of_broken(airflow: AirflowEnvironment, folder: DagBag, dags_folder: Path) -> tuple[Obstacle, ...]:
    """What keeps Airflow from reading the files that it calls broken. Raises RunError where ruff can't be run."""
    files = _files(folder, dags_folder)
    found = removed_names(dags_folder, files) if files and airflow.major >= 3 else []
    return merged([*found, *(one for file in files for one in in_the_way(airflow.folders, dags_folder, file))])


def of_runs(airflow: AirflowEnvironment, dags_folder: Path, files: Sequence[Path]) -> tuple[Obstacle, ...]:
    """What will fail when these files' tasks run, though Airflow can read them."""
    inside = [file for file in files if file.is_relative_to(dags_folder)]
    if airflow.major < 3:
        return ()
    return merged(one for file in inside for one in gone_from_context(dags_folder, file))


def why_it_failed(airflow: AirflowEnvironment, dags_folder: Path, file: Path | None, log: str) -> str | None:
    """Of the obstacles of a DAG's file the one that the run's log names; None where there is none."""
    if file is None:
        return None
    missed = set(MISSED.findall(log))
    told = (one for one in of_runs(airflow, dags_folder, [file]) if set(re.findall(r"'(\w+)'", one.what)) & missed)
    return next(map(str, told), None)


def in_short(obstacles: Sequence[Obstacle]) -> str:
    """For a message of one line."""
    more = f" (and {len(obstacles) - 1} more: `harness list` shows them)" if len(obstacles) > 1 else ""
    return f"{obstacles[0]}{more}" if obstacles else ""


def _files(folder: DagBag, dags_folder: Path) -> list[Path]:
    """The broken ones, and those of the folder that their tracebacks name."""
    named = [Path(file) for trace in folder.errors.values() for file in re.findall(r'File "([^"]+)"', trace)]
    every = dict.fromkeys([*map(Path, folder.errors), *named])
    return [file for file in every if file.is_relative_to(dags_folder) and file.suffix == ".py" and file.is_file()]
