"""Run a program with its output in a log; errors include the end of the output."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class FailedError(Exception):
    """A command failed; the message has the command and the end of its output."""

    def __init__(self, command: Sequence[str], output: str) -> None:
        lines = output.rstrip().splitlines()
        super().__init__("\n".join([f"failed: {' '.join(command)}", *lines[-20:]]))
        self.reason = lines[-1].strip() if lines else "no output"
        """The last line of the output."""


def run(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run the command and return its output. Raises FailedError if it can't run or fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=env,
            cwd=cwd,
            check=False,
        )
    except OSError as error:
        raise FailedError(command, str(error)) from error
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(f"$ {' '.join(command)}\n{done.stdout}")
    if done.returncode != 0:
        raise FailedError(command, done.stdout)
    return done.stdout
