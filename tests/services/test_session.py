"""Slots, notes and locks of a session: no engine is needed for them."""

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
from harness.runtime_dir import RuntimeDirError
from harness.services.selection import remove_kept
from harness.services.session import FORGOTTEN, ServiceSession, new_run

CLAIM = """
import sys, threading
from pathlib import Path
from harness.services.session import ServiceSession
from harness.services.selection import remove_kept
with ServiceSession(Path(sys.argv[1]), sys.argv[2]).slot() as number:
    print(number, flush=True)
    threading.Event().wait()
"""


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ServiceSession]:
    made = ServiceSession(tmp_path, new_run())
    yield made
    made.end(orderly=True)


def test_each_claims_the_lowest_free_slot(session: ServiceSession) -> None:
    with ExitStack() as others:
        with session.slot() as first:
            assert [first, others.enter_context(session.slot()), others.enter_context(session.slot())] == [0, 1, 2]
        with session.slot() as free_again:
            assert free_again == 0
            with session.slot() as next_one:
                assert next_one == 3


def test_the_slot_of_a_killed_process_is_free(session: ServiceSession, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM, str(tmp_path), str(session.run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "0\n"
        with session.slot() as beside:
            assert beside == 1
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    with session.slot() as number:
        assert number == 0


def test_notes_are_for_this_user_alone(session: ServiceSession) -> None:
    session.write_note("stack-0", {"password": "secret"})

    assert session.note("stack-0") == {"password": "secret"}
    assert stat.S_IMODE(session.folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in session.folder.iterdir()] == [0o600]


def test_a_damaged_note_is_none(session: ServiceSession) -> None:
    for content in ("{", "[]", ""):
        (session.folder / "stack-0.json").write_text(content)
        assert session.note("stack-0") is None
    assert session.note("stack-1") is None


def test_what_is_broken_off_stays_marked(session: ServiceSession) -> None:
    with session.under_way():
        pass
    assert not list(session.folder.iterdir())
    with pytest.raises(KeyboardInterrupt), session.under_way():
        raise KeyboardInterrupt
    assert len(list(session.folder.iterdir())) == 1


def test_a_use_is_seen_by_others_until_it_ends(session: ServiceSession, tmp_path: Path) -> None:
    other = ServiceSession(tmp_path, session.run)
    assert not session.shared("postgres", 0)
    session.share("postgres", 0)
    assert not session.shared("postgres", 0), "by itself alone"
    other.share("postgres", 1)
    assert session.shared("postgres", 0)
    del other
    assert not session.shared("postgres", 0)


def test_a_test_that_changes_the_environment_parts_no_workers(
    session: ServiceSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ServiceSession(tmp_path, session.run)
    with session.slot() as slot:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "another"))
        with other.slot() as beside:
            assert (slot, beside) == (0, 1)


def test_two_checkouts_share_nothing(tmp_path: Path) -> None:
    one, other = ServiceSession(tmp_path / "one", None), ServiceSession(tmp_path / "other", None)
    assert one.folder != other.folder
    assert one.ident != other.ident
    assert ServiceSession(tmp_path / "one", None).ident == one.ident, "the next run finds it"


def test_two_users_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine, someone = ServiceSession(tmp_path, None).folder, os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: someone)
    # The folder that this test makes for somebody else is not theirs, and none that is not one's own is used.
    with pytest.raises(RuntimeDirError, match=f"-{someone} is not private"):
        _ = ServiceSession(tmp_path, None).folder
    assert not mine.is_relative_to(next(tmp_path.glob(f"*-{someone}")))


def test_a_kept_session_in_use_is_not_removed(tmp_path: Path) -> None:
    kept = ServiceSession(tmp_path, None)
    with kept.slot(), pytest.raises(ServiceError, match="a test run is using what --reuse kept"):
        remove_kept(tmp_path)


def test_the_folder_of_a_killed_run_is_removed_a_day_later(session: ServiceSession, tmp_path: Path) -> None:
    old, young = ServiceSession(tmp_path, new_run()).folder, ServiceSession(tmp_path, new_run()).folder
    os.utime(old, (0, old.stat().st_mtime - FORGOTTEN - 1))
    with session.slot():
        assert not old.exists()
    assert young.exists()


def test_an_unused_session_asks_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    unused = ServiceSession(tmp_path, new_run())
    unused.watch_too()
    unused.end(orderly=True)


def test_a_full_disk_leaves_no_half_of_a_note(session: ServiceSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(content: object, sink: TextIO) -> None:
        sink.write('{"password": "half')
        raise OSError(errno.ENOSPC, "No space left on device")

    before = set(session.folder.iterdir())
    monkeypatch.setattr("harness.services.session.json.dump", full)
    with pytest.raises(OSError, match="No space left"):
        session.write_note("stack-0", {"password": "whole"})
    assert set(session.folder.iterdir()) == before
