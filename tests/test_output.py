"""Output files: replaced atomically, or overwritten if they can't be replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.output import check_file, write


def test_a_file_is_replaced_and_no_partial_file_remains(tmp_path: Path) -> None:
    file = tmp_path / f"{'x' * 250}.json"
    for text in ("old", "new"):
        check_file("it", file)
        write(file, text)
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {file.name: "new"}


def test_a_dangling_link_stays_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "end")
    for text in ("old", "new"):
        check_file("it", link)
        assert link.exists() == (text == "new"), "the check creates no file"
        write(link, text)
    assert link.is_symlink()
    assert (tmp_path / "end").read_text() == "new"


def test_the_check_creates_no_file(tmp_path: Path) -> None:
    check_file("it", tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_read_only_folder_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "there"
    file.write_text("old")
    monkeypatch.setattr("os.access", lambda place, mode: False)  # root could write to it
    write(file, "new")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["new"]
