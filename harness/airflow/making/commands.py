"""Run a program with its output in a log; errors include the end of the output."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class FailedError(Exception):
    """A command failed; the message has the command and the end of its output."""

    def __init__(self, command: Sequence[str], output: str, exit_code: int = 1) -> None:
        self.output = output
        lines = output.rstrip().splitlines()
        super().__init__("\n".join([f"exit code {exit_code}: {' '.join(command)}", *lines[-20:]]))
        errors = [line for line in lines if line.lower().startswith("error")]
        self.reason = [*errors, *lines[-1:], f"exit code {exit_code}"][0].strip()[:200]
        """One line: the first error in the output, else its last line."""


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
        raise FailedError(command, done.stdout, done.returncode)
    return done.stdout
