"""What can go wrong, by name. Every message is one line and says what to do about it."""


class HarnessError(Exception):
    """Anything the user can mend. Shown as its one line; the traceback goes to the log."""


class SettingsError(HarnessError):
    """An option, variable or pyproject entry has a value that means nothing."""


class EngineError(HarnessError):
    """No Docker engine answers, or it stopped answering midway."""


class ImageError(HarnessError):
    """An image can be neither found, pulled nor built."""


class ServiceError(HarnessError):
    """A service did not come up, or went away."""


class RunRefusedError(HarnessError):
    """The run would mislead or reach outside, so Airflow was not started."""


class RunError(HarnessError):
    """Airflow ran, and what it left contradicts itself or says nothing."""


class HostLostError(HarnessError):
    """The warm host ended during a run."""


class WatchError(HarnessError):
    """Nothing tells of saves, so `harness watch` can't go on."""


class OutputError(HarnessError):
    """A file that the user asked for can't be written."""


class RunOutcomeError(AssertionError):
    """A run ended otherwise than the scenario expects. The message is the run's own reason."""


def in_one_line(said: str) -> str:
    """What a program printed, for such a message; `(nothing)` where that is nothing."""
    return " | ".join(line.strip() for line in said.splitlines() if line.strip()) or "(nothing)"
