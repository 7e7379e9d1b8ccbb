"""Which scenarios a save concerns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.watch.dag_ids import defined_in
from harness.watch.imports import reached
from harness.watch.index import Noted, Notes

SETTINGS_FILES = ("pyproject.toml", "pytest.toml", "pytest.ini", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class Choice:
    """Scenarios by their pytest node ids, and files of scenarios as a whole; `everything` stands for all there is."""

    scenarios: frozenset[str] = frozenset()
    files: frozenset[Path] = frozenset()
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.everything or self.scenarios or self.files)

    def __or__(self, other: Choice) -> Choice:
        return Choice(self.scenarios | other.scenarios, self.files | other.files, self.everything or other.everything)


EVERYTHING = Choice(everything=True)
NOTHING = Choice()


@dataclass(frozen=True)
class Project:
    """Where things are. What is in `not_ours` (the harness itself) is not the project's, even if it is in `root`."""

    root: Path
    dags_folder: Path
    not_ours: Path = field(default=Path(__file__).resolve().parents[1])


def choose(saved: Iterable[Path], notes: Notes, project: Project) -> Choice:
    """What is to run after `saved` were saved, or removed. Where it can't be told, it is everything."""
    ours = [file for file in saved if not file.is_relative_to(project.not_ours)]
    if notes.lost:
        return EVERYTHING if any(_may_matter(file, project) for file in ours) else NOTHING
    reach = {node_id: _reach(noted, project) for node_id, noted in notes.scenarios.items()}
    choice = NOTHING
    for file in ours:
        choice |= _concerned(file, notes, reach, project)
    return choice


def _may_matter(file: Path, project: Project) -> bool:
    return file.is_relative_to(project.dags_folder) or file.suffix == ".py" or _is_settings(file, project)


def _is_settings(file: Path, project: Project) -> bool:
    return file.parent == project.root and file.name in SETTINGS_FILES


def _reach(noted: Noted, project: Project) -> set[Path]:
    """Every file that the scenario is known to read: its own, its conftests, its DAGs', and what those import."""
    folders = [folder for folder in noted.file.parents if folder.is_relative_to(project.root)]
    starts = [folder / name for folder in folders for name in ("conftest.py", "__init__.py")]
    here = [noted.file, *(file for file in starts if file.is_file())]
    # A DAG file's own imports are looked up in the dags folder alone, as Airflow does.
    return reached(here, (project.root,)) | reached(noted.dag_files, (project.dags_folder,))


def _concerned(file: Path, notes: Notes, reach: dict[str, set[Path]], project: Project) -> Choice:
    users = frozenset(node_id for node_id, files in reach.items() if file in files)
    if file in notes.scenario_files:
        return Choice(users, frozenset({file}))
    if file.is_relative_to(project.dags_folder):
        return _concerned_by_dags(file, users, notes)
    if users:
        return Choice(users)
    if _is_settings(file, project):
        return EVERYTHING
    if file.suffix == ".py" and any(file.is_relative_to(known.parent) for known in notes.scenario_files):
        # Nobody imports it: a new file of scenarios, if pytest takes it for one.
        return Choice(files=frozenset({file})) if file.exists() else EVERYTHING
    return NOTHING


def _concerned_by_dags(file: Path, users: frozenset[str], notes: Notes) -> Choice:
    """A file that defines DAGs concerns those; any other may be read by all, unless some are seen to import it."""
    defined = defined_in(file)
    unsure = {node_id for node_id, noted in notes.scenarios.items() if not noted.sure or defined & noted.dags}
    if users or defined or file in notes.dag_files:
        return Choice(users | unsure)
    return EVERYTHING
