"""Make the environment of a lock with uv, in the cache, unless it exists already."""

from __future__ import annotations

import hashlib
import shutil
from importlib.metadata import distributions
from pathlib import Path

from filelock import FileLock

from harness.airflow.making.commands import FailedError
from harness.airflow.making.index import supports_python
from harness.airflow.making.locks import Lock
from harness.airflow.making.pythons import probe
from harness.airflow.making.uv import explain, find_uv
from harness.errors import AirflowEnvironmentError
from harness.progress import SILENT, Progress, announce

LOCK = "requirements.txt"
"""The lock, in the environment's folder."""
LOCK_TIMEOUT = 2400.0
"""Seconds until filelock.Timeout names the file; another process may install meanwhile."""


def make_environment(lock: Lock, cache_dir: Path, progress: Progress = SILENT) -> Path:
    """Return the interpreter of an environment with exactly the packages of the lock.

    One environment serves all that resolve to the same packages and Python; a second use installs nothing. Raises
    AirflowEnvironmentError, with uv's reason and log.
    """
    if lock.interpreter:
        return lock.interpreter
    key = hashlib.sha256(f"{lock.python_version}\n{lock.text}".encode()).hexdigest()[:16]
    folder = cache_dir / "environments" / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    # `harness clean --cache` finds the environment by the name of this file.
    with FileLock(folder.with_name(f"{key}.lock"), timeout=LOCK_TIMEOUT):
        python = probe(str(folder / "bin" / "python"))
        if python is None or python.version != lock.python_version:
            with announce(
                progress, "environment", f"installing Airflow {lock.airflow} for Python {lock.python_version}"
            ):
                _make(lock, folder, cache_dir / "logs" / f"environment-{key}.log")
    return folder / "bin" / "python"


def _make(lock: Lock, folder: Path, log: Path) -> None:
    log.unlink(missing_ok=True)
    uv = find_uv(log)
    # Made in another folder, so that the final one is always complete, even if this process is killed.
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        uv.run("venv", "-q", "--relocatable", "--no-project", "--python", lock.python, str(partial))
        (partial / LOCK).write_text(lock.text)
        interpreter = str(partial / "bin" / "python")
        uv.run("pip", "install", "-q", "--no-deps", "--python", interpreter, "-r", str(partial / LOCK))
    except FailedError as error:
        raise AirflowEnvironmentError(explain(error.output), log) from error
    _check_pythons(lock, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _check_pythons(lock: Lock, folder: Path) -> None:
    """Raise AirflowEnvironmentError if an installed package is not for this Python.

    uv installs such a package, because uv ignores upper bounds.
    """
    for distribution in distributions(path=[str(site) for site in folder.glob("lib/python*/site-packages")]):
        required = distribution.metadata["Requires-Python"] or ""
        if not supports_python(required, lock.python_version):
            raise AirflowEnvironmentError(
                f"{distribution.metadata['Name']} {distribution.version} needs Python {required}, and this one is "
                f"{lock.python_version}: name another Python, or another version of the package"
            )
