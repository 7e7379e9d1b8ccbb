"""Worker slots, state files and locks of a session, without an engine."""

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
from harness.services.session import FOLDER_LIFETIME, ServiceSession, new_run

CLAIM = """
import sys, threading
from pathlib import Path
from harness.services.session import ServiceSession
from harness.services.selection import remove_kept
with ServiceSession(Path(sys.argv[1]), sys.argv[2]).claim_slot() as number:
    print(number, flush=True)
    threading.Event().wait(60)
"""


@pytest.fixture(autouse=True)
def own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ServiceSession]:
    session = ServiceSession(tmp_path, new_run())
    yield session
    session.end(orderly=True)


def test_each_claim_gets_the_lowest_free_slot(session: ServiceSession) -> None:
    with ExitStack() as others:
        with session.claim_slot() as first:
            second, third = (others.enter_context(session.claim_slot()) for _ in range(2))
            assert (first, second, third) == (0, 1, 2)
        with session.claim_slot() as free_again:
            assert free_again == 0
            with session.claim_slot() as fourth:
                assert fourth == 3


def test_the_slot_of_a_killed_process_is_free(session: ServiceSession, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM, str(tmp_path), str(session.run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "0\n"
        with session.claim_slot() as beside:
            assert beside == 1
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    with session.claim_slot() as number:
        assert number == 0


def test_only_this_user_can_read_state_files(session: ServiceSession) -> None:
    session.write_state("stack-0", {"password": "secret"})

    assert session.read_state("stack-0") == {"password": "secret"}
    assert stat.S_IMODE(session.folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in session.folder.iterdir()] == [0o600]


def test_a_damaged_state_file_reads_as_none(session: ServiceSession) -> None:
    for content in ("{", "[]", ""):
        (session.folder / "stack-0.json").write_text(content)
        assert session.read_state("stack-0") is None
    assert session.read_state("stack-1") is None


def test_an_interrupted_start_stays_marked(session: ServiceSession) -> None:
    with session.mark_under_way():
        pass
    assert not list(session.folder.iterdir())
    with pytest.raises(KeyboardInterrupt), session.mark_under_way():
        raise KeyboardInterrupt
    assert len(list(session.folder.iterdir())) == 1


def test_other_processes_see_a_use_until_it_ends(session: ServiceSession, tmp_path: Path) -> None:
    other = ServiceSession(tmp_path, session.run)
    assert not session.is_used_elsewhere("postgres", 0)
    session.mark_used("postgres", 0)
    assert not session.is_used_elsewhere("postgres", 0), "only this process uses it"
    other.mark_used("postgres", 1)
    assert session.is_used_elsewhere("postgres", 0)
    del other
    assert not session.is_used_elsewhere("postgres", 0)


def test_workers_share_a_folder_after_a_test_changes_the_environment(
    session: ServiceSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ServiceSession(tmp_path, session.run)
    with session.claim_slot() as slot:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "another"))
        with other.claim_slot() as beside:
            assert (slot, beside) == (0, 1)


def test_two_checkouts_share_nothing(tmp_path: Path) -> None:
    one, other = ServiceSession(tmp_path / "one", None), ServiceSession(tmp_path / "other", None)
    assert one.folder != other.folder
    assert one.ident != other.ident
    assert ServiceSession(tmp_path / "one", None).ident == one.ident, "the next run has the same session"


def test_two_users_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine, other_user = ServiceSession(tmp_path, None).folder, os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other_user)
    # The folder created here belongs to the real user, so the other user must refuse it.
    with pytest.raises(RuntimeDirError, match=f"-{other_user} is not private"):
        _ = ServiceSession(tmp_path, None).folder
    assert not mine.is_relative_to(next(tmp_path.glob(f"*-{other_user}")))


def test_a_kept_session_in_use_is_not_removed(tmp_path: Path) -> None:
    kept = ServiceSession(tmp_path, None)
    with kept.claim_slot(), pytest.raises(ServiceError, match="a test run is using the kept services"):
        remove_kept(tmp_path)


def test_the_folder_of_a_killed_run_is_removed_a_day_later(session: ServiceSession, tmp_path: Path) -> None:
    old, young = ServiceSession(tmp_path, new_run()).folder, ServiceSession(tmp_path, new_run()).folder
    os.utime(old, (0, old.stat().st_mtime - FOLDER_LIFETIME - 1))
    with session.claim_slot():
        assert not old.exists()
    assert young.exists()


def test_the_folder_of_a_living_run_stays_at_any_age(session: ServiceSession, tmp_path: Path) -> None:
    """A clock that jumps makes a young folder look old."""
    living = ServiceSession(tmp_path, new_run())
    with living.claim_slot() as first:
        os.utime(living.folder, (0, 0))
        with session.claim_slot():
            pass
        with ServiceSession(tmp_path, living.run).claim_slot() as second:
            assert (first, second) == (0, 1)


def test_an_unused_session_does_not_call_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/missing.sock")
    unused = ServiceSession(tmp_path, new_run())
    unused.join_reaper()
    unused.end(orderly=True)


def test_a_full_disk_leaves_no_partial_state_file(session: ServiceSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(content: object, sink: TextIO) -> None:
        sink.write('{"password": "half')
        raise OSError(errno.ENOSPC, "No space left on device")

    before = set(session.folder.iterdir())
    monkeypatch.setattr("harness.services.session.json.dump", write_half)
    with pytest.raises(OSError, match="No space left"):
        session.write_state("stack-0", {"password": "whole"})
    assert set(session.folder.iterdir()) == before
