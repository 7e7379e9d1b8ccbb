"""Slots, notes and locks of a fleet: no engine is needed for them."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import pytest

from harness.errors import ServiceError
from harness.private import PrivacyError
from harness.services.fleet import FORGOTTEN, Fleet, new_run
from harness.services.kind import remove_kept

CLAIM = """
import sys, threading
from pathlib import Path
from harness.services.fleet import Fleet
from harness.services.kind import remove_kept
with Fleet(Path(sys.argv[1]), sys.argv[2]).slot() as number:
    print(number, flush=True)
    threading.Event().wait()
"""


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, new_run())
    yield made
    made.end(orderly=True)


def test_each_claims_the_lowest_free_slot(fleet: Fleet) -> None:
    with ExitStack() as others:
        with fleet.slot() as first:
            assert [first, others.enter_context(fleet.slot()), others.enter_context(fleet.slot())] == [0, 1, 2]
        with fleet.slot() as free_again:
            assert free_again == 0
            with fleet.slot() as next_one:
                assert next_one == 3


def test_the_slot_of_a_killed_process_is_free(fleet: Fleet, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM, str(tmp_path), str(fleet.run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "0\n"
        with fleet.slot() as beside:
            assert beside == 1
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    with fleet.slot() as number:
        assert number == 0


def test_notes_are_for_this_user_alone(fleet: Fleet) -> None:
    fleet.write_note("stack-0", {"password": "secret"})

    assert fleet.note("stack-0") == {"password": "secret"}
    assert stat.S_IMODE(fleet.folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in fleet.folder.iterdir()] == [0o600]


def test_a_damaged_note_is_none(fleet: Fleet) -> None:
    for content in ("{", "[]", ""):
        (fleet.folder / "stack-0.json").write_text(content)
        assert fleet.note("stack-0") is None
    assert fleet.note("stack-1") is None


def test_what_is_broken_off_stays_marked(fleet: Fleet) -> None:
    with fleet.under_way():
        pass
    assert not list(fleet.folder.iterdir())
    with pytest.raises(KeyboardInterrupt), fleet.under_way():
        raise KeyboardInterrupt
    assert len(list(fleet.folder.iterdir())) == 1


def test_a_use_is_seen_by_others_until_it_ends(fleet: Fleet, tmp_path: Path) -> None:
    other = Fleet(tmp_path, fleet.run)
    assert not fleet.shared("postgres", 0)
    fleet.share("postgres", 0)
    assert not fleet.shared("postgres", 0), "by itself alone"
    other.share("postgres", 1)
    assert fleet.shared("postgres", 0)
    del other
    assert not fleet.shared("postgres", 0)


def test_a_test_that_changes_the_environment_parts_no_workers(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Fleet(tmp_path, fleet.run)
    with fleet.slot() as slot:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "another"))
        with other.slot() as beside:
            assert (slot, beside) == (0, 1)


def test_two_checkouts_share_nothing(tmp_path: Path) -> None:
    one, other = Fleet(tmp_path / "one", None), Fleet(tmp_path / "other", None)
    assert one.folder != other.folder
    assert one.ident != other.ident
    assert Fleet(tmp_path / "one", None).ident == one.ident, "the next run finds it"


def test_two_users_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine, someone = Fleet(tmp_path, None).folder, os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: someone)
    # The folder that this test makes for somebody else is not theirs, and none that is not one's own is used.
    with pytest.raises(PrivacyError, match=f"-{someone} is not private"):
        _ = Fleet(tmp_path, None).folder
    assert not mine.is_relative_to(next(tmp_path.glob(f"*-{someone}")))


def test_a_kept_fleet_in_use_is_not_removed(tmp_path: Path) -> None:
    kept = Fleet(tmp_path, None)
    with kept.slot(), pytest.raises(ServiceError, match="a test run is using what --reuse kept"):
        remove_kept(tmp_path)


def test_the_folder_of_a_killed_run_is_removed_a_day_later(fleet: Fleet, tmp_path: Path) -> None:
    old, young = Fleet(tmp_path, new_run()).folder, Fleet(tmp_path, new_run()).folder
    os.utime(old, (0, old.stat().st_mtime - FORGOTTEN - 1))
    with fleet.slot():
        assert not old.exists()
    assert young.exists()


def test_a_fleet_that_nobody_used_asks_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    unused = Fleet(tmp_path, new_run())
    unused.watch_too()
    unused.end(orderly=True)


def test_a_full_disk_leaves_no_half_of_a_note(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(content: object, sink: TextIO) -> None:
        sink.write('{"password": "half')
        raise OSError(errno.ENOSPC, "No space left on device")

    before = set(fleet.folder.iterdir())
    monkeypatch.setattr("harness.services.fleet.json.dump", full)
    with pytest.raises(OSError, match="No space left"):
        fleet.write_note("stack-0", {"password": "whole"})
    assert set(fleet.folder.iterdir()) == before
