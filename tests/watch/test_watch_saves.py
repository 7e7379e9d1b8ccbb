"""The watcher reports each save once, and no temporary files of editors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import WatchError
from harness.watch.saves import SaveListener


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    for folder in ("dags/lib", "tests", ".venv/lib", "env/lib"):
        (root / folder).mkdir(parents=True)
    (root / "env/pyvenv.cfg").touch()
    return root


@pytest.fixture
def saves(root: Path) -> Iterator[SaveListener]:
    with SaveListener(root, root / "dags") as saves:
        saves.wait_ready()
        yield saves


def save_last(last: Path, saves: SaveListener) -> set[Path]:
    """Save `last`, and return the files that were reported before it."""
    last.write_text("last")
    reported: set[Path] = set()
    while last not in reported:
        reported |= saves.next().files
    return reported - {last}


@pytest.mark.parametrize("name", ["dags/a.py", "dags/lib/b.sql", "tests/test_it.py", "conftest.py"])
def test_a_save_is_reported_with_its_time(name: str, root: Path, saves: SaveListener) -> None:
    (root / name).write_text("x")
    os.utime(root / name, (0, 0))  # A file that is moved into place keeps its old mtime.

    save = saves.next()
    assert save.files == {root / name}
    assert save.at == (root / name).stat().st_ctime


def test_a_save_between_two_calls_is_reported_by_the_second(root: Path, saves: SaveListener) -> None:
    (root / "dags/a.py").write_text("x")
    first = saves.next()
    (root / "dags/a.py").write_text("y")
    (root / "dags/b.py").write_text("y")

    assert first.files == {root / "dags/a.py"}
    assert save_last(root / "dags/last.py", saves) == {root / "dags/a.py", root / "dags/b.py"}


def test_temporary_files_are_not_reported(root: Path, saves: SaveListener) -> None:
    for name in (".venv/lib/a.py", "env/lib/a.py", "dags/.a.py.swp", "dags/4913", "dags/#a.py#", "dags/a.py~"):
        (root / name).write_text("x")
    (root / "dags/__pycache__").mkdir()
    (root / "dags/__pycache__/a.pyc").touch()
    (root / "dags/sedABCD").write_text("new")
    (root / "dags/sedABCD").rename(root / "dags/a.py")

    assert save_last(root / "dags/last.py", saves) == {root / "dags/a.py"}


def test_removed_files_and_new_folders_are_reported(root: Path, saves: SaveListener) -> None:
    (root / "env/new").mkdir()
    (root / "env/new/c.py").touch()
    (root / "dags/a.py").write_text("x")
    assert save_last(root / "dags/last.py", saves) == {root / "dags/a.py"}

    (root / "env/new").rename(root / "dags/new")
    (root / "dags/a.py").unlink()
    assert save_last(root / "dags/last.py", saves) == {root / "dags/new/c.py", root / "dags/a.py"}


def test_a_missing_dags_folder_is_an_error(root: Path) -> None:
    with SaveListener(root, root / "no-dags") as saves, pytest.raises(WatchError, match="no-dags"):
        saves.wait_ready()


def test_a_killed_watcher_is_an_error(saves: SaveListener) -> None:
    os.kill(saves._watcher.pid, 9)

    with pytest.raises(WatchError, match="start `harness watch` again"):
        saves.next()
