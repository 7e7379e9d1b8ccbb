"""Download an image's Python packages on this machine.

The machine's pip configuration stays out of the image this way.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from harness.images.tools import BuildLog

# Newest first. A wheel for any of these platforms runs on the base images, whose glibc is 2.36 or later.
MANYLINUX = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def install(lock: Path, target: Path, *, arch: str, python: str, log: BuildLog) -> None:
    """Unpack the wheels that `lock` pins by hash into `target`.

    `arch` (amd64, arm64) and `python` (3.11) are those of the image, which runs Linux.
    Command-line scripts are removed, because they would name this machine's Python. Raises ImageError.
    """
    requirements = target.with_name("selected-requirements.txt")
    requirements.write_text("".join(_select_entries(lock, arch, python)))
    machine = MACHINES.get(arch, arch)
    platforms = [f"--platform={name}_{machine}" for name in MANYLINUX]
    selection = ["--implementation=cp", f"--python-version={python}", "--only-binary=:all:", *platforms]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--require-hashes"]
    log.run([*pip, *selection, f"--target={target}", f"--requirement={requirements}"], doing="pip")
    requirements.unlink()
    shutil.rmtree(target / "bin", ignore_errors=True)


def _select_entries(lock: Path, arch: str, python: str) -> Iterator[str]:
    """Yield the lock's entries whose markers hold in the image.

    pip would evaluate the markers for this machine's Python.
    """
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
