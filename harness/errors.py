"""The harness's exceptions. Each message is one line with the error and the fix."""


class HarnessError(Exception):
    """Base of all errors that the user can fix: shown in one line, traceback in the log."""


class SettingsError(HarnessError):
    """An option, variable or pyproject entry has an invalid value."""


class EngineError(HarnessError):
    """No Docker engine answers, or the engine stopped answering."""


class ImageError(HarnessError):
    """An image can't be found, pulled or built."""


class ServiceError(HarnessError):
    """A service did not start, or stopped."""


class RunRefusedError(HarnessError):
    """The run would mislead or reach outside, so Airflow was not started."""


class RunError(HarnessError):
    """Airflow ran, but its results contradict each other or are missing."""


class HostLostError(HarnessError):
    """The warm host ended during a run."""


class WatchError(HarnessError):
    """`harness watch` can't be notified of saved files."""


class OutputError(HarnessError):
    """An output file can't be written."""


class RunOutcomeError(AssertionError):
    """A run did not end as the scenario expects; the message is the reason."""


def in_one_line(output: str) -> str:
    """Format a program's output for a one-line message; `(nothing)` if there is no output."""
    return " | ".join(line.strip() for line in output.splitlines() if line.strip()) or "(nothing)"
