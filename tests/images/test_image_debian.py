"""What the base image takes from this machine, and machines that can't build it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images import debian
from harness.images.tools import BuildLog

on_debian = pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt")


@pytest.fixture
def log(tmp_path: Path) -> BuildLog:
    (tmp_path / "scratch").mkdir()
    return BuildLog(tmp_path / "logs", "base", tmp_path / "scratch")


def build(tmp_path: Path, log: BuildLog, arch: str = "amd64") -> None:
    debian.build_rootfs("bookworm", arch, tmp_path, tmp_path / "rootfs.tar", tmp_path / "exclude", log)


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (("platform", "system", lambda: "Darwin"), "its recipe needs Debian or Ubuntu"),
        (("os", "geteuid", lambda: 1000), "its recipe needs root"),
    ],
)
def test_an_unsuitable_machine_is_reported(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch, patch: tuple[str, str, object], reason: str
) -> None:
    monkeypatch.setattr({"platform": platform, "os": os}[patch[0]], patch[1], patch[2])
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(ImageError, match=reason) as raised:
        build(tmp_path, log)
    assert "base_image" in str(raised.value)


@on_debian
def test_another_architecture_is_reported(tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ImageError, match="the engine runs riscv64, this machine "):
        build(tmp_path, log, "riscv64")


@on_debian
def test_sources_certificates_and_fetch_settings_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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

    debian._copy_host_configuration(tmp_path, [source, source])

    assert (tmp_path / "etc/apt/sources.list").read_text() == "deb http://mirror.test/debian/ bookworm main\n"
    settings = (tmp_path / "etc/apt/apt.conf.d/90fetching").read_text()
    assert 'Acquire::http::Proxy "http://proxy.test:1";' in settings
    assert "DPkg" not in settings
    assert (tmp_path / "etc/apt/trusted.gpg.d/own.asc").read_text() == "key"


def with_apt_settings(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: str) -> None:
    configuration = folder / "apt.conf"
    configuration.write_text(settings)
    monkeypatch.setenv("APT_CONFIG", str(configuration))


@on_debian
def test_credentials_of_a_proxy_stay_out_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("etc/apt/apt.conf.d", "etc/apt/trusted.gpg.d", "etc/ssl/certs"):
        (tmp_path / folder).mkdir(parents=True)
    proxies = (
        'Acquire::http::Proxy "http://me:secret@proxy.test:1";\nAcquire::https::Proxy::a.test "http://x@b.test";\n'
    )
    with_apt_settings(tmp_path, monkeypatch, proxies + 'Acquire::Retries "7";\n')

    debian._copy_host_configuration(tmp_path, [])

    settings = (tmp_path / "etc/apt/apt.conf.d/90fetching").read_text()
    assert 'Acquire::Retries "7";' in settings
    assert "@" not in settings
    assert debian.proxy_arguments() == {"http_proxy": "http://me:secret@proxy.test:1"}


@on_debian
def test_a_source_with_credentials_is_refused(tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(log, "run", lambda *_, **__: None)
    source = debian._Source("Debian", "bookworm", "http://me:secret@mirror.test/debian/", "main")
    monkeypatch.setattr(debian, "_list_sources", lambda apt: [source])
    with pytest.raises(ImageError, match=r"package source http://\*\*\*@mirror.test/debian/ has a user") as raised:
        build(tmp_path, log)
    assert "secret" not in str(raised.value)


@on_debian
@pytest.mark.parametrize(("origin", "package"), [("Debian", "debian-archive-keyring"), ("Ubuntu", "ubuntu-keyring")])
def test_a_missing_keyring_is_reported(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch, origin: str, package: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(log, "run", lambda *_, **__: None)
    monkeypatch.setattr(debian, "KEYRINGS", tmp_path)
    source = debian._Source(origin, "bookworm", "http://mirror.test/debian/", "main")
    monkeypatch.setattr(debian, "_list_sources", lambda apt: [source])
    with pytest.raises(ImageError, match=f"run `apt-get install {package}`"):
        build(tmp_path, log)


@on_debian
def test_debootstrap_checks_the_signature_of_the_release(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "debian-archive-keyring.gpg").touch()
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> None:
        commands.append(command)
        if "--variant=minbase" in command:
            raise ImageError("far enough")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(log, "run", run)
    monkeypatch.setattr(debian, "KEYRINGS", tmp_path)
    monkeypatch.setattr(debian, "_find_debootstrap", lambda *_: ("debootstrap", {}))
    source = debian._Source("Debian", "bookworm", "http://mirror.test/debian/", "main")
    monkeypatch.setattr(debian, "_list_sources", lambda apt: [source])
    with pytest.raises(ImageError, match="far enough"):
        build(tmp_path, log)
    assert "--force-check-gpg" in commands[-1]
    assert f"--keyring={tmp_path / 'debian-archive-keyring.gpg'}" in commands[-1]


def test_third_party_sources_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    output = (
        "Packages|Debian|bookworm|http://mirror.test/debian/|main\n"
        "Packages|Corp|stable|http://corp.test/|main\n"
        "Contents|Debian|bookworm|http://mirror.test/debian/|main\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=output))
    assert [source.uri for source in debian._list_sources([])] == ["http://mirror.test/debian/"]


def test_package_contains_no_host_name() -> None:
    """Mirrors, package registries and module proxies are read from the machine."""
    package = Path(debian.__file__).parent
    texts = [file.read_text() for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert len(texts) > 20
    for text in texts:
        assert not re.search(r"://[\w{]", text.replace("unix://", "")), text[:80]
