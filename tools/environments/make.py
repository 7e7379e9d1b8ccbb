"""Create an environment from its lock, unless it is current: same lock, Python and folder."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.airflow.making.commands import FailedError, run
from harness.airflow.making.pythons import NoPythonError, Python, find, probe
from harness.airflow.making.uv import Uv
from tools.environments import uv
from tools.environments.lines import HARNESS, Environment, environment

STAMP = "made-from"
PROJECT = "project-installed"
PIP_INSTALL = ("-m", "pip", "--disable-pip-version-check", "install", "--no-deps")


def get_uv(root: Path, env: Mapping[str, str]) -> Uv:
    """Return uv for other work than installing. Raises NoPythonError or FailedError."""
    python, _ = choose(environment(HARNESS, root), root, env)
    with locked(root):
        return uv.get(python, root, root / ".harness" / "logs" / "uv.log")


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the lock that lets only one process at a time change this checkout's environments."""
    folder = root / ".harness"
    folder.mkdir(exist_ok=True)
    with (folder / "environments.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make(name: str, root: Path, env: Mapping[str, str]) -> Environment:
    """Make or renew an environment, or leave it alone when it is current. Raises NoPythonError or FailedError."""
    wanted = environment(name, root)
    with locked(root):
        log = root / ".harness" / "logs" / f"environment-{name}.log"
        python, current = choose(wanted, root, env)
        if not current:
            _make(wanted, python, root, log)
        if name == HARNESS:
            _install_project(python, wanted.folder, root, log)
    return wanted


def choose(wanted: Environment, root: Path, env: Mapping[str, str]) -> tuple[Python, bool]:
    """Return the environment's interpreter and True, or the interpreter to create it from and False.

    Raises NoPythonError.
    """
    current = _current(wanted)
    if current and not _should_follow(wanted, current, root, env):
        return current, True
    found = find(wanted.pythons, [], env) if wanted.name == HARNESS else _for_airflow(wanted, root, env)
    return (current, True) if current and current.version == found.version else (found, False)


def _should_follow(wanted: Environment, current: Python, root: Path, env: Mapping[str, str]) -> bool:
    """Return whether the environment must change to a different interpreter that the user chose."""
    if wanted.name == HARNESS:
        return bool(env.get("PYTHON"))
    if wanted.preferred:
        return False
    followed = probe(env.get("PYTHON") or _python_of(HARNESS, root))
    return followed is not None and followed.minor in wanted.pythons and followed.version != current.version


def _for_airflow(wanted: Environment, root: Path, env: Mapping[str, str]) -> Python:
    """Return the preferred Python, else that of .venv, else the first that this Airflow supports."""
    # PYTHON names the interpreter of .venv, which is only one candidate here.
    first = [env.get("PYTHON") or _python_of(HARNESS, root)]
    others = {key: value for key, value in env.items() if key != "PYTHON"}
    if wanted.preferred:
        with contextlib.suppress(NoPythonError):
            return find([wanted.preferred], first, others)
    return find(wanted.pythons, first, others)


def _python_of(name: str, root: Path) -> str:
    return str(environment(name, root).folder / "bin" / "python")


def _current(wanted: Environment) -> Python | None:
    """Return the environment's interpreter if it was created from this lock and in this folder."""
    stamp = wanted.folder / STAMP
    python = probe(str(wanted.folder / "bin" / "python")) if stamp.is_file() else None
    if python is None or python.minor not in wanted.pythons:
        return None
    return python if stamp.read_text() == _stamp(wanted, python) else None


def _stamp(wanted: Environment, python: Python) -> str:
    return f"{python.version} {wanted.folder} {hashlib.sha256(wanted.lock.read_bytes()).hexdigest()}\n"


def _make(wanted: Environment, python: Python, root: Path, log: Path) -> None:
    shown, lock = wanted.folder.relative_to(root), str(wanted.lock)
    print(f"making {shown} with Python {python.version} from {wanted.lock.relative_to(root)}", flush=True)
    began = time.monotonic()
    # Created in a temporary folder, so that the final folder is always complete, even if this process is killed.
    making = wanted.folder.with_name(f"{wanted.folder.name}.making")
    interpreter = str(making / "bin" / "python")
    # uv and pip compile no bytecode: Python does it on import, and most modules are never imported.
    try:
        program = uv.get(python, root, log)
        _fresh(python, making, log, "--without-pip")
        program.run("pip", "install", "--python", interpreter, "--no-deps", "--require-hashes", "-r", lock)
        by = "uv"
    except FailedError as error:
        print(f"uv can't be used ({error.reason}): installing by pip, which takes minutes (log: {log})", flush=True)
        _fresh(python, making, log)
        run([interpreter, *PIP_INSTALL, "--no-compile", "--require-hashes", "-r", lock], log)
        by = "pip"
    (making / STAMP).write_text(_stamp(wanted, python))
    _move(making, wanted.folder)
    print(f"made {shown} by {by} in {time.monotonic() - began:.1f} s", flush=True)


def _fresh(python: Python, folder: Path, log: Path, *options: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    run([python.command, "-m", "venv", *options, str(folder)], log)


def _move(made: Path, place: Path) -> None:
    """Move the environment to its final folder, and rewrite the paths in its scripts."""
    before, after = os.fsencode(made), os.fsencode(place)
    for script in [made / "pyvenv.cfg", *(made / "bin").iterdir()]:
        if not script.is_symlink() and before in (content := script.read_bytes()):
            script.write_bytes(content.replace(before, after))
    old = place.with_name(f"{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    made.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _install_project(python: Python, folder: Path, root: Path, log: Path) -> None:
    """Install the project as editable if pyproject.toml has changed since the last time."""
    project, installed = root / "pyproject.toml", folder / PROJECT
    if installed.is_file() and installed.read_bytes() == project.read_bytes():
        return
    interpreter = str(folder / "bin" / "python")
    options = ["--no-build-isolation", "--no-index", "-e", str(root)]
    try:
        uv.get(python, root, log).run("pip", "install", "--python", interpreter, "--no-deps", *options)
    except FailedError:
        run([interpreter, *PIP_INSTALL, *options], log)
    installed.write_bytes(project.read_bytes())
