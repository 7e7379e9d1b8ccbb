"""Select the scenarios that a save affects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.watch.dag_ids import list_dag_ids
from harness.watch.imports import find_reachable
from harness.watch.index import IndexedScenario, ScenarioIndex

SETTINGS_FILES = ("pyproject.toml", "pytest.toml", "pytest.ini", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class Selection:
    """Scenarios by pytest node id, whole scenario files, or everything."""

    scenarios: frozenset[str] = frozenset()
    files: frozenset[Path] = frozenset()
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.everything or self.scenarios or self.files)

    def __or__(self, other: Selection) -> Selection:
        return Selection(
            self.scenarios | other.scenarios, self.files | other.files, self.everything or other.everything
        )


EVERYTHING = Selection(everything=True)
NOTHING = Selection()


@dataclass(frozen=True)
class Project:
    """The project's folders.

    `code` are folders of other code that DAGs use. Files in `excluded`, which is the harness itself, don't belong to
    the project, even if they are in `root`.
    """

    root: Path
    dags_folder: Path
    code: tuple[Path, ...] = ()
    excluded: Path = field(default=Path(__file__).resolve().parents[1])


def select_scenarios(saved: Iterable[Path], index: ScenarioIndex, project: Project) -> Selection:
    """Return the scenarios that the saved or removed files affect.

    If they can't be determined, return EVERYTHING.
    """
    files = [file for file in saved if not file.is_relative_to(project.excluded)]
    if index.incomplete:
        return EVERYTHING if any(_may_affect_scenarios(file, project) for file in files) else NOTHING
    reachable = {node_id: _find_read_files(scenario, project) for node_id, scenario in index.scenarios.items()}
    selection = NOTHING
    for file in files:
        selection |= _select_by_file(file, index, reachable, project)
    return selection


def _may_affect_scenarios(file: Path, project: Project) -> bool:
    return (
        file.is_relative_to(project.dags_folder)
        or file.suffix == ".py"
        or _is_code(file, project)
        or _is_settings_file(file, project)
    )


def _is_code(file: Path, project: Project) -> bool:
    """Return whether any DAG may use the file, which lies beside the dags folder."""
    return any(file.is_relative_to(folder) for folder in project.code)


def _is_settings_file(file: Path, project: Project) -> bool:
    return file.parent == project.root and file.name in SETTINGS_FILES


def _find_read_files(scenario: IndexedScenario, project: Project) -> set[Path]:
    """Return the files that the scenario reads.

    These are its own file, conftests, DAG files, and all that these files import.
    """
    folders = [folder for folder in scenario.file.parents if folder.is_relative_to(project.root)]
    package_files = [folder / name for folder in folders for name in ("conftest.py", "__init__.py")]
    own_files = [scenario.file, *(file for file in package_files if file.is_file())]
    # Like Airflow, resolve the imports of a DAG file in the dags folder only.
    return find_reachable(own_files, (project.root,)) | find_reachable(scenario.dag_files, (project.dags_folder,))


def _select_by_file(file: Path, index: ScenarioIndex, reachable: dict[str, set[Path]], project: Project) -> Selection:
    users = frozenset(node_id for node_id, files in reachable.items() if file in files)
    if file in index.scenario_files:
        return Selection(users, frozenset({file}))
    if file.is_relative_to(project.dags_folder):
        return _select_by_dag_file(file, users, index)
    if _is_code(file, project):
        return EVERYTHING
    if users:
        return Selection(users)
    if _is_settings_file(file, project):
        return EVERYTHING
    if file.suffix == ".py" and any(file.is_relative_to(known.parent) for known in index.scenario_files):
        # No known file imports this file, so it may be a new file of scenarios. pytest decides.
        return Selection(files=frozenset({file})) if file.exists() else EVERYTHING
    return NOTHING


def _select_by_dag_file(file: Path, users: frozenset[str], index: ScenarioIndex) -> Selection:
    """Select the scenarios of a file in the dags folder.

    Any DAG may read a file without DAGs, so without a known importer every scenario is selected.
    """
    dag_ids = list_dag_ids(file)
    others = {
        node_id for node_id, scenario in index.scenarios.items() if not scenario.complete or dag_ids & scenario.dag_ids
    }
    if users or dag_ids or file in index.dag_files:
        return Selection(users | others)
    return EVERYTHING
