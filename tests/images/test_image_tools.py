"""Running tools: one-line errors, no remaining child processes, and full disks."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images.tools import BuildLog, DiskFullError, translate_disk_full


@pytest.fixture
def log(tmp_path: Path) -> BuildLog:
    (tmp_path / "scratch").mkdir()
    return BuildLog(tmp_path / "logs", "minio", tmp_path / "scratch")


def test_a_failure_names_tool_last_line_and_log(log: BuildLog) -> None:
    with pytest.raises(ImageError) as raised:
        log.run(["sh", "-c", "echo first; echo the reason >&2; exit 3"], doing="a tool")
    line = str(raised.value)
    assert line == f"image minio can't be built: a tool failed with exit code 3: the reason (log: {log.file})"
    assert "first\nthe reason\n" in log.file.read_text()


def test_a_missing_tool_is_named(log: BuildLog) -> None:
    with pytest.raises(ImageError, match="no-such-tool is not installed on this machine"):
        log.run(["no-such-tool"])


def test_a_full_disk_is_recognised_by_the_tools_output(log: BuildLog) -> None:
    with pytest.raises(DiskFullError, match=r"disk full while building minio: .*`docker system prune`"):
        log.run(["sh", "-c", "cp /etc/hostname /dev/full"])


def test_a_full_disk_is_recognised_without_output(log: BuildLog, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(log.scratch)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DiskFullError):
        log.run(["sh", "-c", "exit 1"])


def test_our_own_write_to_a_full_disk_is_recognised() -> None:
    with pytest.raises(DiskFullError), translate_disk_full("minio"), Path("/dev/full").open("w") as full:
        full.write("x")


def test_other_errors_pass_through() -> None:
    with pytest.raises(FileNotFoundError), translate_disk_full("minio"):
        Path("/nowhere/at/all").read_text()


def test_a_timeout_ends_the_tool_and_its_children(log: BuildLog, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(ImageError, match=r"took longer than 1 s"):
        log.run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], timeout=1)
    deadline = time.monotonic() + 5
    while is_alive(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(pid.read_text()))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended; only its parent has not collected it yet.
    return " Z " not in Path(f"/proc/{pid}/stat").read_text()


def test_tools_put_temporary_files_into_scratch(log: BuildLog) -> None:
    log.run(["sh", "-c", 'touch "$TMPDIR/here"'])
    assert (log.scratch / "here").exists()
