"""Choose the runner, by the setting and the Airflow lines on which warm is proved."""

from __future__ import annotations

import sys
from typing import Literal

from harness.settings import Runner

PROVED = {"2.11": "2.11.2", "3.3": "3.3.2"}
"""Airflow line -> tested version, for the lines on which both runners give equal evidence (`make equal`)."""


def choose(runner: Runner, line: str) -> tuple[Literal["warm", "process"], str | None]:
    """Return the runner for an Airflow line such as `3.3`, and a message about a fallback."""
    if runner == "process":
        return "process", None
    if sys.platform != "linux":
        return "process", "runner: process, because warm needs Linux; --harness-runner process avoids this line"
    if runner == "auto" and line not in PROVED:
        why = f"warm is not proved on Airflow {line}; --harness-runner warm forces it"
        return "process", f"runner: process, because {why}"
    return "warm", None
