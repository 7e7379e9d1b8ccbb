"""How a command of Airflow's is run: by a new process (`process`), or by a fork of one that has started (`warm`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ProcessResult:
    """`exit_code` is None if the process was ended after its time. `log` holds stdout and stderr as they came."""

    exit_code: int | None
    log: str
    seconds: float


class Execute(Protocol):
    """How a runner runs a command: see process.execute for what is promised."""

    def __call__(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult: ...
