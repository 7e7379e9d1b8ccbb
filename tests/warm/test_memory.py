"""By what a host is known, what it looks at before a run, and how it keeps its memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.airflow.environments import describe
from harness.airflow.warm.huge_pages import SIZE
from harness.airflow.warm.key import host_key
from harness.airflow.warm.loaded_files import LoadedFiles

# In a process of its own: it is for good.
COLLAPSE = """
from harness.airflow.warm.huge_pages import collapse_heap
def huge():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))
kept = [str(number) for number in range(1_000_000)]
before = huge()
collapse_heap()
print(huge() - before)
assert kept == [str(number) for number in range(1_000_000)]
"""


@pytest.mark.skipif(not SIZE.exists(), reason="not run: this system has no huge pages")
def test_the_heap_is_in_huge_pages() -> None:
    done = subprocess.run([sys.executable, "-c", COLLAPSE], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 40_000, "kB; a million texts are more than 50 MB"


def test_a_link_to_nothing_hides_no_package(tmp_path: Path) -> None:
    keys = set()
    (tmp_path / "gone.pth").symlink_to(tmp_path / "nowhere")
    for package in ("one-1.dist-info", "two-1.dist-info"):
        keys.add(host_key(describe(Path(sys.executable)), {"PYTHONPATH": str(tmp_path)}))
        (tmp_path / package).mkdir()
    assert len({*keys, host_key(describe(Path(sys.executable)), {"PYTHONPATH": str(tmp_path)})}) == 3


def test_a_changed_file_is_told(tmp_path: Path) -> None:
    one, two, gone = (tmp_path / name for name in ("one", "a name\nof two lines", "gone"))
    for file in (one, two):
        file.touch()
    files = LoadedFiles()
    files.add([str(one), str(gone)], 1, 2)
    files.add([str(one), str(two)], 1, 2)
    assert files.changed() is None

    gone.touch()
    assert files.changed() == str(gone)
    gone.unlink()
    os.utime(two, ns=(5, 5))
    assert files.changed() == str(two)


def test_what_changed_while_it_was_loaded_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    at = file.stat().st_mtime_ns
    for since, now, told in ((at - 1, at, str(file)), (at + 1, at + 2, None)):
        files = LoadedFiles()
        files.add([str(file)], since, now)
        assert files.changed() == told
