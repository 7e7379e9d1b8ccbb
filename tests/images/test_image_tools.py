"""Tools of this machine: their failures in one line, nothing left running, and the disk."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images.tools import DiskFullError, Log, full_disk_named


@pytest.fixture
def log(tmp_path: Path) -> Log:
    (tmp_path / "scratch").mkdir()
    return Log(tmp_path / "logs", "minio", tmp_path / "scratch")


def test_a_failure_names_the_tool_its_last_line_and_the_log(log: Log) -> None:
    with pytest.raises(ImageError) as failed:
        log.run(["sh", "-c", "echo first; echo the reason >&2; exit 3"], doing="a tool")
    line = str(failed.value)
    assert line == f"image minio can't be built: a tool failed with exit code 3: the reason (log: {log.file})"
    assert "first\nthe reason\n" in log.file.read_text()


def test_a_tool_that_is_not_there(log: Log) -> None:
    with pytest.raises(ImageError, match="no-such-tool is not installed on this machine"):
        log.run(["no-such-tool"])


def test_a_full_disk_is_recognised_by_what_the_tool_says(log: Log) -> None:
    with pytest.raises(DiskFullError, match=r"disk full while building minio: .*`docker system prune`"):
        log.run(["sh", "-c", "cp /etc/hostname /dev/full"])


def test_a_full_disk_is_recognised_when_not_even_the_log_could_be_written(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(log.scratch)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DiskFullError):
        log.run(["sh", "-c", "exit 1"])


def test_a_full_disk_of_our_own() -> None:
    with pytest.raises(DiskFullError), full_disk_named("minio"), Path("/dev/full").open("w") as full:
        full.write("x")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(FileNotFoundError), full_disk_named("minio"):
        Path("/nowhere/at/all").read_text()


def test_a_tool_that_takes_too_long_ends_with_its_children(log: Log, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(ImageError, match=r"took longer than 1 s"):
        log.run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], timeout=1)
    deadline = time.monotonic() + 5
    while alive(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(pid.read_text()))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody has collected yet is dead all the same.
    return " Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_temporary_files_go_where_they_are_removed(log: Log) -> None:
    log.run(["sh", "-c", 'touch "$TMPDIR/here"'])
    assert (log.scratch / "here").exists()
