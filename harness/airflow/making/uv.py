"""Find uv, and run it with pip's settings."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from harness.airflow.making.commands import run
from harness.airflow.making.pip_settings import uv_environment
from harness.errors import AirflowEnvironmentError

INSTALL = "install it with `pip install 'airflow-scenario-harness[upgrade]'`, or put uv on PATH"
CAUSE = ("cause:", "Caused by:")
LONGEST = 400
"""Characters of a reason."""


class Uv:
    """A uv program, the environment to run it in, and the log of its output."""

    def __init__(self, program: Path, env: dict[str, str], log: Path) -> None:
        self.program, self.env, self.log = program, env, log

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run uv and return its output. Raises FailedError."""
        return run([str(self.program), *arguments], self.log, self.env, cwd)


def find_uv(log: Path) -> Uv:
    """Return uv with pip's settings.

    The program is that of this Python's environment, else the first on PATH. Raises AirflowEnvironmentError.
    """
    own = Path(sysconfig.get_path("scripts")) / "uv"
    program = own if own.is_file() else shutil.which("uv")
    if program is None:
        raise AirflowEnvironmentError(f"no uv, which makes Airflow environments, was found: {INSTALL}")
    variables = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("PIP_")))
    return Uv(Path(program), uv_environment(_list_pip_settings(variables), os.environ), log)


@functools.cache
def _list_pip_settings(variables: tuple[tuple[str, str], ...]) -> str:
    """Return the output of `pip config list` with these variables of pip.

    The command takes half a second.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    env = {**os.environ, **dict(variables)}
    done = subprocess.run(pip, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, check=False)
    # An interpreter without pip has no settings of pip either.
    return done.stdout if done.returncode == 0 else ""


def explain(output: str) -> str:
    """Return the reason of a failure from uv's output, in one line.

    uv writes `error: WHAT` and lines `cause: WHY`; before 0.10 the cause of a conflict came after an arrow.
    """
    lines = [line.strip(" \u2570\u2500\u25b6\u00d7\u251c").strip() for line in output.splitlines()]
    start = next((number for number, line in enumerate(lines) if line.lower().startswith("error")), 0)
    lines = [line for line in lines[start:] if line and not line.startswith(("hint:", "warning:"))] or ["uv failed"]
    what = lines[0].removeprefix("error:").strip()
    causes: list[str] = []
    for line in lines[1:]:
        if causes and not line.startswith(CAUSE):
            causes[-1] += f" {line}"  # uv wraps long lines
        else:
            causes.append(re.sub(f"^({'|'.join(CAUSE)}) *", "", line))
    if what.startswith("No solution found"):
        return _cut(" ".join(causes)) if causes else what
    return _cut(": ".join([what, *causes[-1:]]))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
