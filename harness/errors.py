"""The exceptions of the harness. Each message is one line with the cause and what to do."""

from __future__ import annotations

from pathlib import Path


class HarnessError(Exception):
    """An error that users can fix. They see only its message; the log has the traceback."""


class SettingsError(HarnessError):
    """An option, variable or pyproject entry has an invalid value."""


class EngineError(HarnessError):
    """No Docker engine answers, or it stopped answering."""


class ImageError(HarnessError):
    """An image can't be found, pulled or built."""


class AirflowEnvironmentError(HarnessError):
    """An Airflow environment can't be resolved or installed.

    `log`, if any, has the output of uv.
    """

    def __init__(self, reason: str, log: Path | None = None) -> None:
        super().__init__(f"{reason} (log: {log})" if log else reason)
        self.reason = reason
        self.log = log


class ServiceError(HarnessError):
    """A service did not start, or stopped."""


class RunRefusedError(HarnessError):
    """The run would mislead or use outside systems, so Airflow was not started."""


class RunError(HarnessError):
    """Airflow ran, and its results are missing or contradictory."""


class MissingObjectError(HarnessError):
    """A scenario reads an object that is not in the S3 store."""


class MissingTableError(HarnessError):
    """A scenario reads a table that is not in the database."""


class WorldEndedError(HarnessError):
    """A scenario uses a world whose services were reset for another world."""


class HostLostError(HarnessError):
    """The warm host ended during a run."""


class WatchError(HarnessError):
    """File changes can't be detected, so `harness watch` stopped."""


class NotComparableError(HarnessError):
    """Evidence is damaged, incomplete or of other scenarios, so there is no comparison."""


class OutputError(HarnessError):
    """A requested file can't be written."""


class RunOutcomeError(AssertionError):
    """A run ended differently than the scenario expects. The message is the run's reason."""


def in_one_line(output: str) -> str:
    """Return a program's output as one line, or `(nothing)` if it is blank."""
    return " | ".join(line.strip() for line in output.splitlines() if line.strip()) or "(nothing)"
