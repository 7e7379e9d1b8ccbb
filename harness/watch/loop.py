"""The watch loop: a first round of every scenario, then a round for each save."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.airflow.layout import find_layout
from harness.errors import SettingsError
from harness.settings import Settings
from harness.watch.index import ScenarioIndex, update_index
from harness.watch.round import RoundResult, run_round, warm_up
from harness.watch.saves import SaveListener
from harness.watch.selection import EVERYTHING, Project, Selection, select_scenarios

MAX_NAMES = 5


def watch(settings: Settings, arguments: Sequence[str]) -> None:
    """Watch the project's files until Ctrl-C.

    `arguments` are pytest's, and limit the scenarios to run. Raises HarnessError.
    """
    if not settings.dags_folder.is_dir():
        raise SettingsError(f"no folder {settings.dags_folder}: set `dags_folder`, or use --dags-folder")
    dags_folder = Path(os.path.realpath(settings.dags_folder))
    project = Project(Path(os.path.realpath(settings.root)), dags_folder, _list_code_folders(settings, dags_folder))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if str(Path.cwd()) not in sys.path:  # `python -m pytest` puts the current folder on sys.path too.
        sys.path.insert(0, str(Path.cwd()))
    try:
        with SaveListener(project.root, project.dags_folder) as saves:
            _run_rounds(saves, project, arguments)
    except KeyboardInterrupt:
        _print("\nstopped. The services and the warm host keep running; `python -m harness down` ends them")


def _list_code_folders(settings: Settings, dags_folder: Path) -> tuple[Path, ...]:
    """Return the folders of code beside the dags folder.

    A folder around the dags folder is left out, because it usually contains the scenarios too.
    """
    layout = find_layout(settings)
    folders = (*layout.python_path, dags_folder.parent / "include", layout.plugins, layout.config)
    return tuple(folder for folder in folders if folder and not dags_folder.is_relative_to(folder))


def _run_rounds(saves: SaveListener, project: Project, arguments: Sequence[str]) -> None:
    started = time.time()
    warm_up()
    saves.wait_ready()
    index = _run_round(ScenarioIndex(), EVERYTHING, project, arguments, started, "from start")
    while True:
        save = saves.next()
        selection = select_scenarios(save.files, index, project)
        if selection:
            _print(f"\nsaved {_join_names([_format_path(file, project) for file in save.files])}")
            index = _run_round(index, selection, project, arguments, save.at, "from save")


def _run_round(
    index: ScenarioIndex,
    selection: Selection,
    project: Project,
    arguments: Sequence[str],
    started: float,
    since: str,
) -> ScenarioIndex:
    files = selection.files | {index.scenarios[node_id].file for node_id in selection.scenarios}
    _print(f"running {_format_selection(selection, index, project)}")
    result = run_round(arguments, selection, files)
    _print(f"{_format_verdict(result)}, {time.time() - started:.2f} s {since}; watching")
    if result.report is None:
        return ScenarioIndex(index.scenarios, index.broken, index.dag_files, incomplete=True)
    return update_index(index, result.report, None if selection.everything else files, project.dags_folder)


def _format_selection(selection: Selection, index: ScenarioIndex, project: Project) -> str:
    if selection.everything:
        return "every scenario"
    names = [node_id for node_id in selection.scenarios if index.scenarios[node_id].file not in selection.files]
    if len(names) > MAX_NAMES:
        by_file = Counter(_format_path(index.scenarios[node_id].file, project) for node_id in names)
        names = [f"{file} ({count} scenarios)" for file, count in by_file.items()]
    return _join_names([*(_format_path(file, project) for file in selection.files), *names])


def _format_verdict(result: RoundResult) -> str:
    """Return the verdict on a round.

    PASSED and FAILED are about scenarios. BROKEN means that some scenarios could not be run.
    """
    if result.report is None:
        return "BROKEN: pytest did not finish, see above"
    counts = Counter(result.report.outcomes.values())
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "no scenario ran"
    if result.report.broken:
        return f"BROKEN: {len(result.report.broken)} not collected, {outcomes}"
    if result.exit_code:
        return f"FAILED: {outcomes}" if counts else f"NOTHING: {outcomes}"
    return f"PASSED: {outcomes}"


def _join_names(names: Sequence[str]) -> str:
    shown = sorted(names)[:MAX_NAMES]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _format_path(file: Path, project: Project) -> str:
    return str(file.relative_to(project.root)) if file.is_relative_to(project.root) else str(file)


def _print(line: str) -> None:
    print(line, flush=True)
