"""Output files are checked early and written atomically."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.output import check_file, write


def test_a_file_is_replaced_without_leftovers(tmp_path: Path) -> None:
    file = tmp_path / f"{'x' * 250}.json"
    for text in ("old", "new"):
        check_file("it", file)
        write(file, text)
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {file.name: "new"}


def test_a_link_stays_a_link_even_if_its_target_is_missing(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "end")
    for text in ("old", "new"):
        check_file("it", link)
        assert link.exists() == (text == "new"), "the check creates no file"
        write(link, text)
    assert link.is_symlink()
    assert (tmp_path / "end").read_text() == "new"


def test_a_check_creates_no_file(tmp_path: Path) -> None:
    check_file("it", tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_read_only_folder_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "there"
    file.write_text("old")
    monkeypatch.setattr("os.access", lambda place, mode: False)  # file modes don't stop root
    write(file, "new")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["new"]
