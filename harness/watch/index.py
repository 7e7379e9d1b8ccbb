"""What the rounds so far have shown of each scenario: the files that its DAGs are defined in."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.watch.dag_ids import files_of


@dataclass(frozen=True)
class Noted:
    """A scenario. It is `sure` if `dag_files` has the file of each of `dags`, the DAGs that it runs.

    One that isn't runs on every save of a DAG file.
    """

    file: Path
    dags: frozenset[str] = frozenset()
    dag_files: frozenset[Path] = frozenset()
    sure: bool = False


@dataclass(frozen=True)
class Notes:
    """`scenarios` by pytest node id, `broken` the files that pytest could not collect, `dag_files` those of all DAGs.

    `lost`: pytest did not come to look into everything, so that it isn't known what there is.
    """

    scenarios: Mapping[str, Noted] = field(default_factory=dict)
    broken: frozenset[Path] = frozenset()
    dag_files: frozenset[Path] = frozenset()
    lost: bool = True

    @property
    def scenario_files(self) -> set[Path]:
        return {noted.file for noted in self.scenarios.values()} | self.broken


@dataclass(frozen=True)
class Told:
    """What a round tells, as JSON can say it.

    `collected` has the file of each scenario that was found, `broken` the files that could not be read. `outcomes` are
    those of the scenarios that were tried, `runs` the DAGs that each of them ran. `dag_files` has the file of each DAG.
    """

    collected: Mapping[str, str]
    broken: Collection[str]
    outcomes: Mapping[str, str]
    runs: Mapping[str, Collection[str]]
    dag_files: Mapping[str, str]


def after(notes: Notes, told: Told, looked_into: Collection[Path] | None, dags_folder: Path) -> Notes:
    """The notes after a round which looked into these files; None: into all."""
    broken = frozenset(map(_path, told.broken))

    def stays(node_id: str, noted: Noted) -> bool:
        looked = looked_into is None or noted.file in looked_into
        return node_id in told.collected or noted.file in broken or not looked

    scenarios = {node_id: noted for node_id, noted in notes.scenarios.items() if stays(node_id, noted)}
    for node_id, file in told.collected.items():
        scenarios.setdefault(node_id, Noted(_path(file)))
    for node_id, dags in told.runs.items():
        before, outcome = scenarios[node_id], told.outcomes.get(node_id)
        if outcome == "skipped" and not dags:  # no DAG made it so
            scenarios[node_id] = replace(before, sure=True)
        else:
            scenarios[node_id] = _noted(before, frozenset(dags), outcome == "passed", told.dag_files, dags_folder)
    return Notes(
        scenarios,
        broken | {file for file in notes.broken if looked_into is not None and file not in looked_into},
        notes.dag_files | {_path(file) for file in told.dag_files.values()},
        lost=any(path.is_dir() for path in broken),
    )


def _noted(before: Noted, dags: frozenset[str], passed: bool, dag_files: Mapping[str, str], dags_folder: Path) -> Noted:
    """One that failed may not have come to all of its runs, or found its DAG gone: what is known of it stays."""
    found = {dag_id: _files_of(dag_id, dag_files, dags_folder) for dag_id in dags}
    files = frozenset[Path]().union(*found.values())
    sure = bool(found) and all(found.values())
    if passed:
        return Noted(before.file, dags, files, sure)
    return Noted(before.file, dags | before.dags, files | before.dag_files, sure)


def _files_of(dag_id: str, dag_files: Mapping[str, str], dags_folder: Path) -> set[Path]:
    if dag_id in dag_files:
        return {_path(dag_files[dag_id])}
    return files_of(dag_id, dags_folder)


def _path(name: str) -> Path:
    """As saves are told: without links."""
    return Path(os.path.realpath(name))
