"""Install the pinned uv with pip into a separate folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from harness.airflow.making.commands import FailedError, run
from harness.airflow.making.pip_settings import uv_environment
from harness.airflow.making.pythons import Python
from harness.airflow.making.uv import Uv

LOCK = Path("requirements", "uv.txt")


_GOT: dict[Path, Uv] = {}


def get(python: Python, root: Path, log: Path) -> Uv:
    """Return uv as pinned in requirements/uv.txt, installed if missing. Raises FailedError."""
    if root in _GOT:
        return _GOT[root]
    pip, config = _pip(python, root, log)
    folder = root / ".harness" / "uv"
    stamp, wanted = folder / "made-from", hashlib.sha256((root / LOCK).read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        making = folder.with_name("uv.making")
        shutil.rmtree(making, ignore_errors=True)
        options = ["-q", "--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes"]
        run([*pip, "install", *options, "--target", str(making), "-r", str(root / LOCK)], log)
        (making / "made-from").write_text(wanted)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    _GOT[root] = Uv(folder / "bin" / "uv", uv_environment(config, os.environ), log)
    return _GOT[root]


def _pip(python: Python, root: Path, log: Path) -> tuple[list[str], str]:
    """Return the interpreter's pip, or a virtual environment's on Debian, and that pip's settings."""
    options = ["-m", "pip", "--disable-pip-version-check"]
    settings = ["config", "list"]
    try:
        return [python.command, *options], run([python.command, *options, *settings], log)
    except FailedError:
        folder = root / ".harness" / "pip"
        run([python.command, "-m", "venv", "--clear", str(folder)], log)
        pip = [str(folder / "bin" / "python"), *options]
        return pip, run([*pip, *settings], log)
