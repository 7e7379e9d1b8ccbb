"""Find an interpreter of a wanted version on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PROBE = """
import sys
try:
    import ensurepip, venv
    complete = "yes"
except ImportError:
    complete = "no"
print("%d.%d.%d" % sys.version_info[:3], complete)
"""


class Python(NamedTuple):
    """An interpreter that runs."""

    command: str
    version: str
    has_venv: bool
    """False on Debian without the package python3-venv, which contains ensurepip."""

    @property
    def minor(self) -> str:
        return self.version.rpartition(".")[0]


class NoPythonError(Exception):
    """No suitable interpreter; the message names the interpreters that were found."""


def probe(command: str) -> Python | None:
    """Run `command` and return its interpreter; None if it fails, as a pyenv shim may."""
    try:
        done = subprocess.run(
            [command, "-c", PROBE], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
        )
        version, complete = done.stdout.split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Python(command, version, complete == "yes")


def find(
    wanted: Sequence[str], first: Iterable[str], env: Mapping[str, str], needs_venv: bool = True, remedy: str = ""
) -> Python:
    """Return the first interpreter of a wanted version, such as 3.12 or 3.12.1.

    The order is: commands in `first`, PATH, pyenv's and uv's folders. PYTHON in `env` replaces the search. Raises
    NoPythonError, whose message ends with `remedy`.
    """
    named = env.get("PYTHON")
    found = []
    for command in [named] if named else [*first, *commands(wanted, env)]:
        python = probe(command)
        if python is None:
            if named:
                found.append(f"{named}, which does not run")
        elif not {python.minor, python.version} & set(wanted):
            found.append(f"{command} is Python {python.version}")
        elif needs_venv and not python.has_venv:
            found.append(f"{command} is Python {python.version} without the venv module (apt-get install python3-venv)")
        else:
            return python
    raise NoPythonError(
        f"Python {listed(wanted)} is needed; found: {'; '.join(dict.fromkeys(found)) or 'none'}. "
        f"{remedy or f'Name one with PYTHON=/path/to/python{wanted[0]}'}"
    )


def commands(wanted: Sequence[str], env: Mapping[str, str]) -> Iterator[str]:
    """Yield commands that may be interpreters of these versions, by preference."""
    minors = [".".join(version.split(".")[:2]) for version in wanted]
    names = [f"python{minor}" for minor in minors]
    yield from (name for name in [*names, "python3"] if shutil.which(name, path=env.get("PATH")))
    home = Path(env.get("HOME", "/nonexistent"))
    pyenv = Path(env.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    uv = Path(env.get("UV_PYTHON_INSTALL_DIR", home / ".local" / "share" / "uv" / "python"))
    for minor in minors:
        for folder in [*newest_first(pyenv, f"{minor}.*"), *newest_first(uv, f"cpython-{minor}.*")]:
            yield str(folder / "bin" / "python3")


def newest_first(folder: Path, pattern: str) -> list[Path]:
    def numbers(path: Path) -> tuple[int, ...]:
        digits = "".join(character if character.isdigit() else " " for character in path.name)
        return tuple(map(int, digits.split()))

    return sorted(folder.glob(pattern), key=numbers, reverse=True)


def listed(wanted: Sequence[str]) -> str:
    """Format minor versions as `3.11 to 3.14`."""
    inorder = sorted(wanted, key=lambda minor: int(minor.rpartition(".")[2]))
    return inorder[0] if len(inorder) == 1 else f"{inorder[0]} to {inorder[-1]}"
