"""The watcher: each save is told once, and what editors leave for a moment is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import WatchError
from harness.watch.saves import Saves


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    for folder in ("dags/lib", "tests", ".venv/lib", "env/lib"):
        (root / folder).mkdir(parents=True)
    (root / "env/pyvenv.cfg").touch()
    return root


@pytest.fixture
def saves(root: Path) -> Iterator[Saves]:
    with Saves(root, root / "dags") as saves:
        saves.ready()
        yield saves


def told_with(last: Path, saves: Saves) -> set[Path]:
    """Saves `last`, and returns what is told up to that, `last` itself excluded."""
    last.write_text("last")
    told: set[Path] = set()
    while last not in told:
        told |= saves.next().files
    return told - {last}


@pytest.mark.parametrize("name", ["dags/a.py", "dags/lib/b.sql", "tests/test_it.py", "conftest.py"])
def test_a_save_is_told_with_its_time(name: str, root: Path, saves: Saves) -> None:
    (root / name).write_text("x")
    os.utime(root / name, (0, 0))  # as of a file that is moved into place, which keeps its old mtime

    saved = saves.next()
    assert saved.files == {root / name}
    assert saved.at == (root / name).stat().st_ctime


def test_what_is_saved_while_nobody_listens_is_told_later(root: Path, saves: Saves) -> None:
    (root / "dags/a.py").write_text("x")
    first = saves.next()
    (root / "dags/a.py").write_text("y")
    (root / "dags/b.py").write_text("y")

    assert first.files == {root / "dags/a.py"}
    assert told_with(root / "dags/last.py", saves) == {root / "dags/a.py", root / "dags/b.py"}


def test_only_what_stays_is_told(root: Path, saves: Saves) -> None:
    for name in (".venv/lib/a.py", "env/lib/a.py", "dags/.a.py.swp", "dags/4913", "dags/#a.py#", "dags/a.py~"):
        (root / name).write_text("x")
    (root / "dags/__pycache__").mkdir()
    (root / "dags/__pycache__/a.pyc").touch()
    (root / "dags/sedABCD").write_text("new")
    (root / "dags/sedABCD").rename(root / "dags/a.py")

    assert told_with(root / "dags/last.py", saves) == {root / "dags/a.py"}


def test_a_removed_file_and_a_folder_that_was_moved_in(root: Path, saves: Saves) -> None:
    (root / "env/new").mkdir()
    (root / "env/new/c.py").touch()
    (root / "dags/a.py").write_text("x")
    assert told_with(root / "dags/last.py", saves) == {root / "dags/a.py"}

    (root / "env/new").rename(root / "dags/new")
    (root / "dags/a.py").unlink()
    assert told_with(root / "dags/last.py", saves) == {root / "dags/new/c.py", root / "dags/a.py"}


def test_a_dags_folder_that_is_missing_is_one_line(root: Path) -> None:
    with Saves(root, root / "no-dags") as saves, pytest.raises(WatchError, match="no-dags"):
        saves.ready()


def test_a_watcher_that_was_killed_is_one_line(saves: Saves) -> None:
    os.kill(saves._watcher.pid, 9)

    with pytest.raises(WatchError, match="start `harness watch` again"):
        saves.next()
