"""Run a command in the foreground, at the user's terminal: for `breakpoint()` in a task."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from harness.airflow.runners import ProcessResult, process

TERMINAL = ("TERM", "COLORTERM", "LINES", "COLUMNS", "PYTHONBREAKPOINT")
"""Variables of this machine that a debugger needs."""


def execute(
    command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
) -> ProcessResult:
    """Run `airflow dags test` with this terminal as its input and output, without a timeout.

    The result has no log, because the output goes to the terminal. Ctrl-C reaches the command alone. The process runner
    executes every other command.
    """
    if ("dags", "test") not in pairwise(command):
        return process.execute(command, env, folder, log_file, timeout)
    terminal = {name: os.environ[name] for name in TERMINAL if name in os.environ}
    began = time.monotonic()
    log_file.touch()
    before = signal.signal(signal.SIGINT, _ignore)  # not SIG_IGN, which the command would inherit
    try:
        done = subprocess.run(command, env={**terminal, **env}, cwd=folder, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
    return ProcessResult(done.returncode, "", time.monotonic() - began)


def _ignore(*_: object) -> None: ...
