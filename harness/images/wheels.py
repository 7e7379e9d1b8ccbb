"""Python packages for an image, resolved on this machine so that its pip configuration stays out of the image."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from harness.images.tools import Log

# Newest first; a wheel for any of them runs on the base images, whose glibc is 2.36 or later.
MANYLINUX = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def install(lock: Path, target: Path, *, arch: str, python: str, log: Log) -> None:
    """Unpacks the wheels that `lock` pins by hash into `target`, for Linux, `arch` (amd64, arm64) and `python` (3.11).

    Command-line scripts are left out: they would name this machine's Python. Raises ImageError.
    """
    chosen = target.with_name("chosen-requirements.txt")
    chosen.write_text("".join(_for_target(lock, arch, python)))
    machine = MACHINES.get(arch, arch)
    platforms = [f"--platform={name}_{machine}" for name in MANYLINUX]
    selection = ["--implementation=cp", f"--python-version={python}", "--only-binary=:all:", *platforms]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--require-hashes"]
    log.run([*pip, *selection, f"--target={target}", f"--requirement={chosen}"], doing="pip")
    chosen.unlink()
    shutil.rmtree(target / "bin", ignore_errors=True)


def _for_target(lock: Path, arch: str, python: str) -> Iterator[str]:
    """The lock's entries whose marker holds in the image. pip itself would ask this machine's Python instead."""
    # Imported here because every pytest imports this module through the catalogue's names.
    from packaging.markers import default_environment
    from packaging.requirements import Requirement

    environment: dict[str, str | AbstractSet[str]] = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python if python.count(".") > 1 else f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": MACHINES.get(arch, arch),
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }
    for entry in lock.read_text().replace("\\\n", " ").splitlines():
        text = entry.partition("#")[0].strip()
        if not text:
            continue
        name, *hashes = text.split(" --hash=")
        requirement = Requirement(name.strip())
        if requirement.marker is None or requirement.marker.evaluate(environment):
            requirement.marker = None
            yield " ".join([str(requirement), *(f"--hash={value.strip()}" for value in hashes)]) + "\n"
