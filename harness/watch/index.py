"""The scenario index: the files that define each scenario's DAGs, from past rounds."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.watch.dag_ids import find_defining_files


@dataclass(frozen=True)
class IndexedScenario:
    """A scenario in `file`, with the DAGs that it runs and the files that define them.

    `complete`: `dag_files` has a file for each of `dag_ids`. An incomplete scenario runs on every save of a DAG file.
    """

    file: Path
    dag_ids: frozenset[str] = frozenset()
    dag_files: frozenset[Path] = frozenset()
    complete: bool = False


@dataclass(frozen=True)
class ScenarioIndex:
    """What past rounds showed about the project's scenarios and DAGs.

    `scenarios` are by pytest node id, `broken` are the files that pytest could not collect, `dag_files` the files of
    all DAGs. `incomplete`: pytest stopped before it collected everything, so the index may lack scenarios.
    """

    scenarios: Mapping[str, IndexedScenario] = field(default_factory=dict)
    broken: frozenset[Path] = frozenset()
    dag_files: frozenset[Path] = frozenset()
    incomplete: bool = True

    @property
    def scenario_files(self) -> set[Path]:
        return {scenario.file for scenario in self.scenarios.values()} | self.broken


@dataclass(frozen=True)
class RoundReport:
    """A round's report, as JSON values.

    `collected` maps each collected scenario to its file, `broken` lists the files that could not be collected.
    `outcomes` maps each scenario that ran to its outcome, `runs` to the DAGs that it ran. `dag_files` maps each DAG to
    its file.
    """

    collected: Mapping[str, str]
    broken: Collection[str]
    outcomes: Mapping[str, str]
    runs: Mapping[str, Collection[str]]
    dag_files: Mapping[str, str]


def update_index(
    index: ScenarioIndex, report: RoundReport, collected_files: Collection[Path] | None, dags_folder: Path
) -> ScenarioIndex:
    """Return the index after a round that collected `collected_files`; None means every file."""
    broken = frozenset(map(_resolve, report.broken))

    def still_exists(node_id: str, scenario: IndexedScenario) -> bool:
        was_collected = collected_files is None or scenario.file in collected_files
        return node_id in report.collected or scenario.file in broken or not was_collected

    scenarios = {node_id: scenario for node_id, scenario in index.scenarios.items() if still_exists(node_id, scenario)}
    for node_id, file in report.collected.items():
        scenarios.setdefault(node_id, IndexedScenario(_resolve(file)))
    for node_id, dag_ids in report.runs.items():
        before, outcome = scenarios[node_id], report.outcomes.get(node_id)
        if outcome == "skipped" and not dag_ids:  # No DAG caused the skip.
            scenarios[node_id] = replace(before, complete=True)
        else:
            passed = outcome == "passed"
            scenarios[node_id] = _update_scenario(before, frozenset(dag_ids), passed, report.dag_files, dags_folder)
    return ScenarioIndex(
        scenarios,
        broken | {file for file in index.broken if collected_files is not None and file not in collected_files},
        index.dag_files | {_resolve(file) for file in report.dag_files.values()},
        incomplete=any(path.is_dir() for path in broken),
    )


def _update_scenario(
    before: IndexedScenario, dag_ids: frozenset[str], passed: bool, dag_files: Mapping[str, str], dags_folder: Path
) -> IndexedScenario:
    """Return the scenario with the DAGs of its last run.

    A failed scenario may have missed some of its runs, or its DAG may be gone, so it keeps what was known.
    """
    files_by_dag = {dag_id: _find_files(dag_id, dag_files, dags_folder) for dag_id in dag_ids}
    files = frozenset[Path]().union(*files_by_dag.values())
    complete = bool(files_by_dag) and all(files_by_dag.values())
    if passed:
        return IndexedScenario(before.file, dag_ids, files, complete)
    return IndexedScenario(before.file, dag_ids | before.dag_ids, files | before.dag_files, complete)


def _find_files(dag_id: str, dag_files: Mapping[str, str], dags_folder: Path) -> set[Path]:
    if dag_id in dag_files:
        return {_resolve(dag_files[dag_id])}
    return find_defining_files(dag_id, dags_folder)


def _resolve(name: str) -> Path:
    """Resolve symbolic links, because saves are reported without them."""
    return Path(os.path.realpath(name))
