"""The runners execute an Airflow command: in a new process (`process`), or in a fork of a warm host (`warm`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ProcessResult:
    """`exit_code` is None if the process was ended after its timeout. `log` holds stdout and stderr interleaved."""

    exit_code: int | None
    log: str
    seconds: float


class Execute(Protocol):
    """Signature of a runner's execute(); see process.execute for its guarantees."""

    def __call__(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult: ...
