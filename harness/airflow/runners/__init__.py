"""Runners of Airflow commands: in a new process (`process`) or a host's fork (`warm`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ProcessResult:
    """A command's result: `exit_code` is None after a timeout, `log` is stdout and stderr."""

    exit_code: int | None
    log: str
    seconds: float


class Execute(Protocol):
    """Signature of a runner's execute(); see process.execute for its guarantees."""

    def __call__(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult: ...
