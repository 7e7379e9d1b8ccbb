"""Describe this interpreter as JSON: path, version, folders, each package's version."""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Print the description of this interpreter as JSON.

    Keys: `python` (path), `version`, `build` (sys.version), `base` (prefix), `folders`, `packages`.
    """
    folders = [folder for folder in sys.path if folder and Path(folder).is_dir()]
    facts = {
        "python": sys.executable,
        "version": platform.python_version(),
        "build": sys.version,
        "base": sys.base_prefix,
        "folders": folders,
        "packages": list_packages(folders),
    }
    print(json.dumps(facts))


def list_packages(folders: list[str]) -> dict[str, str]:
    """Map normalised name to version, from the names of the metadata folders.

    importlib.metadata would read a file of every package. If several folders have a package, the first folder counts,
    as for an import.
    """
    found: dict[str, str] = {}
    for folder in folders:
        for entry in sorted(Path(folder).glob("*.dist-info")):
            name, _, version = entry.stem.partition("-")
            if version:
                found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return found
