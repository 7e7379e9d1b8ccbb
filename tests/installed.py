"""Install the package from its wheel into a folder for PYTHONPATH."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path


def installed_wheel(root: Path, place: Path) -> Path:
    """Build the wheel of the checkout at `root` in `place`, and return the folder of its contents."""
    for name in tracked(root, "harness", "pyproject.toml", "README.md", "LICENSE"):
        target = place / "source" / name  # a copy, because a build leaves folders behind
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((root / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-w", str(place), str(place / "source")], check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place / "installed")
    return place / "installed"


def tracked(root: Path, *names: str) -> list[str]:
    """Return the tracked files under these names, as paths relative to the root."""
    command = ["git", "ls-files", *names]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
