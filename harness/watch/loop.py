"""The watch itself: a first round of everything, then on every save a round of the scenarios that it concerns."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.errors import SettingsError
from harness.settings import Settings
from harness.watch.index import Notes, after
from harness.watch.round import Ended, rehearse, run_round
from harness.watch.saves import Saves
from harness.watch.selection import EVERYTHING, Choice, Project, choose

NAMES = 5


def watch(settings: Settings, arguments: Sequence[str]) -> None:
    """Until Ctrl-C. `arguments` are pytest's; they say which scenarios there are to run. Raises HarnessError."""
    if not settings.dags_folder.is_dir():
        raise SettingsError(f"no folder {settings.dags_folder}: set `dags_folder`, or use --dags-folder")
    project = Project(Path(os.path.realpath(settings.root)), Path(os.path.realpath(settings.dags_folder)))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if str(Path.cwd()) not in sys.path:  # as for `python -m pytest`
        sys.path.insert(0, str(Path.cwd()))
    try:
        with Saves(project.root, project.dags_folder) as saves:
            _follow(saves, project, arguments)
    except KeyboardInterrupt:
        _say("\nended. The services and the warm host are kept for the next time; `python -m harness down` ends them")


def _follow(saves: Saves, project: Project, arguments: Sequence[str]) -> None:
    began = time.time()
    rehearse()
    saves.ready()
    notes = _round(Notes(), EVERYTHING, project, arguments, began, "from start")
    while True:
        saved = saves.next()
        choice = choose(saved.files, notes, project)
        if choice:
            _say(f"\nsaved {_listed([_short(file, project) for file in saved.files])}")
            notes = _round(notes, choice, project, arguments, saved.at, "from save")


def _round(notes: Notes, choice: Choice, project: Project, arguments: Sequence[str], began: float, since: str) -> Notes:
    files = choice.files | {notes.scenarios[node_id].file for node_id in choice.scenarios}
    _say(f"running {_words(choice, notes, project)}")
    ended = run_round(arguments, choice, files)
    _say(f"{_verdict(ended)}, {time.time() - began:.2f} s {since}; watching")
    if ended.told is None:
        return Notes(notes.scenarios, notes.broken, notes.dag_files, lost=True)
    return after(notes, ended.told, None if choice.everything else files, project.dags_folder)


def _words(choice: Choice, notes: Notes, project: Project) -> str:
    if choice.everything:
        return "every scenario"
    further = [node_id for node_id in choice.scenarios if notes.scenarios[node_id].file not in choice.files]
    if len(further) > NAMES:
        by_file = Counter(_short(notes.scenarios[node_id].file, project) for node_id in further)
        further = [f"{file} ({number} scenarios)" for file, number in by_file.items()]
    return _listed([*(_short(file, project) for file in choice.files), *further])


def _verdict(ended: Ended) -> str:
    """PASSED and FAILED are about scenarios; BROKEN means that some, or all, could not be tried."""
    if ended.told is None:
        return "BROKEN: pytest came to no end, see above"
    counts = Counter(ended.told.outcomes.values())
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "no scenario ran"
    if ended.told.broken:
        return f"BROKEN: {len(ended.told.broken)} not read, {told}"
    if ended.exit_code:
        return f"FAILED: {told}" if counts else f"NOTHING: {told}"
    return f"PASSED: {told}"


def _listed(names: Sequence[str]) -> str:
    shown = sorted(names)[:NAMES]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _short(file: Path, project: Project) -> str:
    return str(file.relative_to(project.root)) if file.is_relative_to(project.root) else str(file)


def _say(line: str) -> None:
    print(line, flush=True)
