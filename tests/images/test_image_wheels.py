"""A lock's markers are evaluated for the image's Python and architecture."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.images.tools import BuildLog
from harness.images.wheels import _select_entries, install

LOCK = """\
# written by a tool
both==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via something
old==3.6 ; python_full_version < '3.12' \\
    --hash=sha256:cc
new==3.7 ; python_full_version >= '3.12' \\
    --hash=sha256:dd
windows==1 ; sys_platform == 'win32' \\
    --hash=sha256:ee
arm==1 ; platform_machine == 'aarch64' \\
    --hash=sha256:ff
extra[one,two]==2 \\
    --hash=sha256:ab
"""


@pytest.mark.parametrize(
    ("python", "arch", "names"),
    [
        ("3.11.2", "amd64", ["both==1.0", "old==3.6", "extra[one,two]==2"]),
        ("3.12.7", "arm64", ["both==1.0", "new==3.7", "arm==1", "extra[one,two]==2"]),
        ("3.12", "amd64", ["both==1.0", "new==3.7", "extra[one,two]==2"]),
    ],
)
def test_markers_are_evaluated_for_the_image(tmp_path: Path, python: str, arch: str, names: list[str]) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(LOCK)
    lines = list(_select_entries(lock, arch, python))
    assert [line.split(" ")[0] for line in lines] == names
    assert lines[0] == "both==1.0 --hash=sha256:aa --hash=sha256:bb\n"


def test_scripts_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(self: BuildLog, command: list[str], **_: object) -> None:
        target = Path(next(part for part in command if part.startswith("--target=")).removeprefix("--target="))
        (target / "bin").mkdir(parents=True)
        (target / "bin" / "tool").write_text(f"#!{sys.executable}\n")
        (target / "package").mkdir()

    monkeypatch.setattr(BuildLog, "run", pip)
    lock = tmp_path / "requirements.txt"
    lock.write_text(LOCK)
    log = BuildLog(tmp_path / "logs", "aws", tmp_path)
    install(lock, tmp_path / "packages", arch="amd64", python="3.11.2", log=log)
    assert [file.name for file in (tmp_path / "packages").iterdir()] == ["package"]
