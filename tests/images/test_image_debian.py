"""What a base image takes from the building machine, and where it can't be built."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images import debian
from harness.images.tools import Log

on_debian = pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    (tmp_path / "scratch").mkdir()
    return Log(tmp_path / "logs", "base", tmp_path / "scratch")


def make(tmp_path: Path, log: Log, arch: str = "amd64") -> None:
    debian.make_rootfs("bookworm", arch, tmp_path, tmp_path / "rootfs.tar", tmp_path / "leave-out", log)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (("platform", "system", lambda: "Darwin"), "its recipe needs Debian or Ubuntu"),
        (("os", "geteuid", lambda: 1000), "its recipe needs root"),
    ],
)
def test_elsewhere_it_says_what_it_needs(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch, patch: tuple[str, str, object], reason: str
) -> None:
    monkeypatch.setattr({"platform": platform, "os": os}[patch[0]], patch[1], patch[2])
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(ImageError, match=reason) as refused:
        make(tmp_path, log)
    assert "--base-image" in str(refused.value)


@on_debian
def test_an_engine_of_another_architecture(tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ImageError, match="the engine runs riscv64, this machine "):
        make(tmp_path, log, "riscv64")


@on_debian
def test_sources_certificates_and_the_way_of_fetching_are_carried_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("etc/apt/apt.conf.d", "etc/apt/trusted.gpg.d"):
        (tmp_path / folder).mkdir(parents=True)
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "own.asc").write_text("key")
    bundle = tmp_path / "own.crt"
    bundle.write_text("authority")
    monkeypatch.setattr(debian, "KEY_FOLDERS", (keys,))
    monkeypatch.setattr(debian, "CA_BUNDLE", bundle)
    configuration = tmp_path / "apt.conf"
    configuration.write_text('Acquire::http::Proxy "http://proxy.test:1";\nDPkg::Post-Invoke:: "rm -rf x";\n')
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    source = debian._Source("Debian", "bookworm", "http://mirror.test/debian/", "main")

    debian._carry_over(tmp_path, [source, source])

    assert (tmp_path / "etc/apt/sources.list").read_text() == "deb http://mirror.test/debian/ bookworm main\n"
    fetching = (tmp_path / "etc/apt/apt.conf.d/90fetching").read_text()
    assert 'Acquire::http::Proxy "http://proxy.test:1";' in fetching
    assert "DPkg" not in fetching
    assert (tmp_path / "etc/apt/trusted.gpg.d/own.asc").read_text() == "key"


def test_third_parties_sources_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "Packages|Debian|bookworm|http://mirror.test/debian/|main\n"
        "Packages|Corp|stable|http://corp.test/|main\n"
        "Contents|Debian|bookworm|http://mirror.test/debian/|main\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=listed))
    assert [source.uri for source in debian._sources([])] == ["http://mirror.test/debian/"]


def test_no_host_name_is_written_down() -> None:
    """Mirrors, registries of packages and module proxies come from the machine, never from a file of ours."""
    package = Path(debian.__file__).parent
    texts = [file.read_text() for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert len(texts) > 20
    for text in texts:
        assert "://" not in text.replace("unix://", ""), text[:80]
